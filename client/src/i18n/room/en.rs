//! English.

use super::Room;

/// The column.
pub const TEXT: Room = Room {
    // Lobby
    rooms: "Rooms",
    intro: "Whoever opens the same room talks with you: messages and files go straight from browser to browser, or to a terminal. The server only introduces you to each other.",
    your_name: "Your name",
    name_hint: "What the others see. Kept in this browser.",
    room: "Room",
    room_hint: "Any name will do, and whoever knows it can come in. This one was just made up for you.",
    join: "Join",
    need_name: "Please say what the others should call you.",
    need_room: "Please give the room a name.",
    too_long: "This name is too long.",
    visited: "Rooms you have been in",
    none_visited: "None yet. A room that you join is remembered here, with its messages, in this browser only.",
    unread_count: |count| format!("{count} unread"),
    forget: "Forget",
    forget_sure: |room| format!("Forget the room \"{room}\" and all its messages in this browser?"),

    // Getting in, and out
    joining: "Joining…",
    name_for: |room| format!("Come in to {room}"),
    lost: |seconds| match seconds {
        0 => "The server is away; the chat goes on. Trying again…".to_owned(),
        s => format!("The server is away; the chat goes on. Trying again in {s} s."),
    },
    left: "You have left this room",
    left_text: "Its messages are kept in this browser.",
    come_back: "Come back",
    leave: "Leave",
    refused: "The room did not let you in",
    bad_name: "The server does not take this name. Try a shorter one, without special characters.",
    name_taken: "Somebody in this room has that name already. Choose another one.",
    room_full: "This room is full. Try again when somebody has left, or take another room.",
    server_full: "The server has no room for more people at the moment. Try again a little later.",
    version: "This page is of another version than the server. Reload it.",
    replaced: "You have this room open in another tab or window, and it goes on there.",
    elsewhere: "You are in this room elsewhere",
    reload: "Reload",
    other_room: "Another room",
    here: "Continue here",

    // People
    people: |count| format!("In the room: {count}"),
    this_browser: "you, this browser",
    rename: "Change your name",
    browser: "browser",
    terminal: "terminal",
    other: "other program",
    connecting: "connecting",
    direct: "direct",
    relayed: "relayed",
    rtt: |path, ms| format!("{path}, {ms} ms"),
    broken: "reconnecting",
    failed: "cannot connect:",
    ask_doctor: "ask the doctor",
    away: "away",
    unlisted: "out of the server's sight",
    typing: "typing…",
    is_typing: |names| format!("{names} typing…"),
    safety: "Safety code",
    safety_text: |name| {
        format!(
            "Read it to {name} on the phone or face to face. If you both see the same digits, nobody sits between you."
        )
    },
    privacy: "Messages and files go straight between you, encrypted. The server does not see them.",
    nobody: "Nobody else is here yet",
    nobody_text: "Send the link to whom you want to talk with. What you write now reaches the first who comes.",

    // Messages
    who: "People",
    chat: "Chat",
    messages: "Messages",
    quiet: "No messages yet",
    today: "today",
    yesterday: "yesterday",
    unread: "unread from here",
    arrived: |name| format!("{name} joined"),
    gone: |name| format!("{name} left"),
    lost_peer: |name| format!("the connection to {name} was lost"),
    renamed: |from, to| format!("{from} is now called {to}"),
    tick_waiting: "Not delivered yet",
    tick_some: |reached, of| format!("Delivered to {reached} of {of}"),
    some: |reached, of| format!("{reached} of {of}"),
    tick_all: "Delivered to all",
    new_messages: "New messages",
    write: "Write a message",
    send: "Send",
    text_limit: |size| {
        format!("This is {size}, and a message holds 64 kB. Shorten it, or attach it as a file.")
    },
    attach: "Attach files",
    drop_here: "Drop files here to share them with the room",

    // Files
    files: "Files",
    no_files: "Drop files anywhere on this page, paste a picture, or press +.",
    from: |name| format!("from {name}"),
    to: |name, what| format!("{name}: {what}"),
    offered: "offered to the room",
    asked: "asked for, waiting",
    of: |done, size| format!("{done} of {size}"),
    seconds_left: |seconds| match seconds {
        s if s < 120 => format!("{s} s left"),
        s => format!("{} min left", s / 60),
    },
    paused: "paused, goes on when the connection is back",
    checked: "checked",
    on_disk: "saved and checked",
    has_it: "arrived and checked",
    stopped: "stopped",
    author_gone: "its owner no longer offers it",
    here_gone: "this page no longer has it: attach it again",
    spoiled: "what came is not what was announced",
    not_written: "it could not be written here; is the disk full?",
    not_read: "it could not be read; was it changed or moved?",
    get: "Download",
    resume: "Continue",
    cancel: "Cancel",
    save: "Save",

    // Settings
    relay_only: "In rooms, connect through a relay only",
    relay_only_text: "Others then do not learn the address of this machine. It needs a TURN server.",
    relay_only_none: "There is no TURN server among those in use: nobody could be reached.",
    ice_used: "In use",
    ice_yours: "yours, as below",
    ice_servers_own: "Your own ICE servers",
};
