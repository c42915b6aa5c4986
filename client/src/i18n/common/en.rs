//! English.

use super::Common;

/// The column.
pub const TEXT: Common = Common {
    rooms: "Rooms",
    your_name: "Your name",
    name_hint: "What the others see. Kept in this browser.",
    copied: "Copied",
    copy_failed: "Select the text and copy it yourself",
    no_server: "No server yet",
    no_server_text: "This page was not opened from a Weir server, so it has to be told where one is.",
    change_server: "Change the server address",
};
