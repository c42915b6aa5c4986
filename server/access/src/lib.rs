//! Who may do what.
//!
//! A *key* lets its holder publish to one stream. It is shown once, when it is made; only its hash is kept.
//!
//! | module | content |
//! |---|---|
//! | [`callers`] | which callers may use rooms and relays, by the origin of their page and the host that they name (pure) |
//! | [`host`] | a host, as in a URL (pure) |
//! | [`decision`] | may this client do that? One function decides (pure) |
//! | [`key`] | a key, its hash, and its record |
//! | [`stream_name`] | which names a stream of a publisher may have (pure) |
//! | [`lifetime`] | how long a key is valid, as text: `30d` (pure) |
//! | [`state_folder`] | the folder for what outlasts the server |
//! | [`store`] | the keys in the state folder |

pub mod callers;
pub mod decision;
pub mod host;
pub mod key;
pub mod lifetime;
pub mod state_folder;
pub mod store;
pub mod stream_name;

pub use self::callers::{Caller, CallerRefusal, Callers};
pub use self::decision::{Action, Denial, Grant, decide};
pub use self::host::Host;
pub use self::key::{Key, KeyHash, KeyRecord};
pub use self::state_folder::{StateFolder, Version};
pub use self::store::{Store, StoreError};
pub use self::stream_name::StreamName;
