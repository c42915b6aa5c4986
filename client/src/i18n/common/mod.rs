//! Messages of rooms and of other pages.

pub mod en;
pub mod zh;

/// As [`super::Text`].
#[derive(Debug)]
pub struct Common {
    pub rooms: &'static str,
    pub your_name: &'static str,
    pub name_hint: &'static str,
    pub copied: &'static str,
    pub copy_failed: &'static str,
    pub share: &'static str,
    pub copy_link: &'static str,
    /// Of the system.
    pub share_by: &'static str,
    pub close: &'static str,
    pub qr_code: &'static str,
    pub qr_hint: &'static str,
    pub local_link: &'static str,
    pub no_server: &'static str,
    pub no_server_text: &'static str,
    pub change_server: &'static str,
    pub use_foreign: &'static str,
    pub use_foreign_text: &'static str,
    pub use_server: &'static str,
    pub framed: &'static str,
    pub open_in_tab: &'static str,
    /// Between a label and its value.
    pub colon: &'static str,
    /// Between the items of a list.
    pub comma: &'static str,
}
