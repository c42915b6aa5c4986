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
    use_foreign: "Use another server?",
    use_foreign_text: "The link to this page names this server, which is not the page's own. It will get your name and what you publish, and learn who is in a room with you. Continue only if you trust its operator.",
    use_server: "Use this server",
    framed: "Weir does not open this page inside another website.",
    open_in_tab: "Open in a new tab",
    colon: ": ",
    comma: ", ",
};
