//! What one client may use, and all together: counts by address, and rates. Pure.
//!
//! | module | noun |
//! |---|---|
//! | [`address`] | the address by which a client is counted |
//! | [`cidr`] | a range of addresses, as `--trusted-proxy` names it |
//! | `failures` | a limit on how often one client may fail |
//! | [`forwarded`] | the client of a request that came through proxies |
//! | [`paces`] | a limit on how often each address does something, and all together |
//! | [`proxy_protocol`] | the client of a connection that came through proxies |
//! | [`quota`] | a limit for one address and for all, and the counts under it |
//! | [`rate_limit`] | a limit on how often one client does something |

pub mod address;
pub mod cidr;
mod failures;
pub mod forwarded;
pub mod paces;
pub mod proxy_protocol;
pub mod quota;
pub mod rate_limit;

pub use self::address::CountedAddress;
pub use self::cidr::Cidr;
pub use self::failures::Failures;
pub use self::paces::Paces;
pub use self::quota::{Counts, Exceeded, Quota};
pub use self::rate_limit::RateLimit;
