//! Messages in English.

use super::Common;

pub const TEXT: Common = Common {
    rooms: "Rooms",
    your_name: "Your name",
    name_hint: "Shown to the others in a room. Kept in this browser.",
    copied: "Copied",
    copy_failed: "Copy failed: please copy it yourself",
    no_server: "No server yet",
    no_server_text: "This page was not opened from a Weir server. Enter the address of one.",
    change_server: "Change the server address",
    colon: ": ",
    comma: ", ",
};
