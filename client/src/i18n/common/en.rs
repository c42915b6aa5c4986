//! Messages in English.

use super::Common;

pub const TEXT: Common = Common {
    rooms: "Rooms",
    your_name: "Your name",
    name_hint: "Shown to the others in a room. Kept in this browser.",
    copied: "Copied",
    copy_failed: "Copy failed: please copy it yourself",
    share: "Share",
    copy_link: "Copy link",
    share_by: "Other apps…",
    close: "Close",
    qr_code: "QR code of the link below",
    qr_hint: "Scan the code with a phone to open the link there.",
    local_link: "This link only works on this device. To share it, open Weir by the network address of the server.",
    no_server: "No server yet",
    no_server_text: "This page was not opened from a Weir server. Enter the address of one.",
    change_server: "Change the server address",
    colon: ": ",
    comma: ", ",
};
