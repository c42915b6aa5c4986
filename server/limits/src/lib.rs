//! Counting by address: what one client may use, and all together. Pure.
//!
//! | module | noun |
//! |---|---|
//! | [`address`] | the address by which a client is counted |
//! | [`cidr`] | a range of addresses, as `--trusted-proxy` names it |
//! | [`forwarded`] | the client of a request that came through proxies |
//! | [`quota`] | a limit for one address and for all, and the counts under it |

pub mod address;
pub mod cidr;
pub mod forwarded;
pub mod quota;

pub use self::address::CountedAddress;
pub use self::cidr::Cidr;
pub use self::quota::{Counts, Exceeded, Quota};
