//! Messages in English.

use super::Room;
use crate::i18n::Lang;
use crate::i18n::intl::{Unit, relative};

pub const TEXT: Room = Room {
    // Lobby
    intro: "People who open the same room talk to each other: messages and files go directly from browser to browser, or to a terminal. The server only sets up the connections.",
    room: "Room",
    room_hint: "Any name works. Anyone who knows it can join, unless the room has a password. This one was generated for you.",
    create: "Create",
    password: "Password",
    password_hint: "Optional. The first person in the room decides whether it has one.",
    password_too_long: "This password is too long.",
    join: "Join",
    need_name: "Please enter your name.",
    need_room: "Please enter a name for the room.",
    too_long: "This name is too long.",
    recent_rooms: "Recent rooms",
    no_recent_rooms: "None yet. Rooms with messages are listed here, in this browser only.",
    unread_count: |count| format!("{count} unread"),
    delete: "Delete",
    confirm_delete: |room| {
        format!("Delete the room \"{room}\" and all its messages from this browser?")
    },

    // Joining and leaving
    joining: "Joining…",
    join_room: |room| format!("Join {room}"),
    server_lost: |seconds| match seconds {
        0 => "Not connected to the server; the chat continues. Reconnecting…".to_owned(),
        s => format!(
            "Not connected to the server; the chat continues. Reconnecting {}.",
            relative(s.into(), Unit::Second, Lang::En)
        ),
    },
    server_away: |seconds| match seconds {
        0 => "The server cannot be reached. Trying again…".to_owned(),
        s => format!(
            "The server cannot be reached. Trying again {}.",
            relative(s.into(), Unit::Second, Lang::En)
        ),
    },
    in_room: |room, unread| match unread {
        0 => format!("in room {room}"),
        count => format!("in room {room}, {count} unread"),
    },
    left: "You have left this room",
    left_text: "Its messages are kept in this browser.",
    try_now: "Try now",
    try_again: "Try again",
    rejoin: "Rejoin",
    leave: "Leave",
    refused: "Could not join the room",
    bad_name: "The server does not accept this name. Try a shorter one, without special characters.",
    bad_room_name: "The server does not accept the name of this room. Choose another name for the room: a shorter one, without special characters.",
    name_taken: "Someone in this room already has this name. Choose another one.",
    password_needed: "This room has a password. Ask the people in it for it.",
    wrong_password: "The room has another password, or none: leave the field empty if it has none.",
    too_many_passwords: "Too many wrong passwords came from your network. Wait a minute, then try again.",
    room_full: "This room is full. Try again later, or join another room.",
    server_full: "The server is full. Try again later.",
    version: "This page and the server have different versions. Reload the page.",
    replaced: "You have opened this room in another tab or window. The chat continues there.",
    foreign_origin: |origin| {
        format!(
            "The server permits no rooms on pages of other sites. Open the page of the server itself, or ask its owner to start it with --cors-origin {origin}"
        )
    },
    unknown_host: |host| {
        format!(
            "The server does not know that {host} is its name. Open it by its address, or ask its owner to start it with --host {host}"
        )
    },
    open_elsewhere: "This room is open elsewhere",
    reload: "Reload",
    other_room: "Another room",
    continue_here: "Continue here",

    // People
    people_count: |count| format!("In the room: {count}"),
    this_browser: "you (this browser)",
    rename: "Change your name",
    browser: "browser",
    terminal: "terminal",
    other_client: "other client",
    connecting: "connecting",
    direct: "direct",
    relayed: "relayed",
    rtt: |path, ms| format!("{path}, {ms} ms"),
    peer_reconnecting: "reconnecting",
    peer_failed: "cannot connect:",
    run_connection_test: "run connection test",
    peer_away: "reconnecting to the server",
    peer_unlisted: "not connected to the server",
    typing: "typing…",
    is_typing: |names| format!("{names} typing…"),
    safety: "Safety code",
    safety_text: |name| {
        format!(
            "Compare it with {name} by phone or in person. If both of you see the same digits, nobody intercepts the connection."
        )
    },
    history: "Show the last messages to people who join later",
    history_hint: "At most 200, from now on. Everybody in the room can change this.",
    history_on: |name| match name {
        Some(name) => format!("{name} shows the last messages to people who join later"),
        None => "People who join later are shown the last messages".to_owned(),
    },
    history_off: |name| match name {
        Some(name) => format!("{name} no longer shows the last messages to people who join later"),
        None => "People who join later are no longer shown the last messages".to_owned(),
    },
    told_by: |name| format!("passed on by {name}"),
    privacy: "Messages and files go directly between you, encrypted. The server does not see them.",
    alone: "Nobody else is here yet",
    alone_text: "Send the link to the people you want to talk to. What you write now is delivered to the first person who joins.",

    // Messages
    people: "People",
    chat: "Chat",
    messages: "Messages",
    unread_messages: "unread messages",
    peer_joined: |name| format!("{name} joined"),
    peer_left: |name| format!("{name} left"),
    lost_peer: |name| format!("the connection to {name} was lost"),
    peer_renamed: |from, to| format!("{from} is now called {to}"),
    tick_waiting: "Not delivered yet",
    tick_some: |reached, of| format!("Delivered to {reached} of {of}"),
    tick_count: |reached, of| format!("{reached} of {of}"),
    tick_all: "Delivered to all",
    new_messages: "New messages",
    search: "Search",
    search_hint: "Words in messages, files, names",
    found: |at, of| format!("{at} of {of}"),
    nothing_found: "nothing found",
    older_match: "Older match",
    newer_match: "Newer match",
    close_search: "Close",
    message_menu: "React, reply and more",
    reply: "Reply",
    edit: "Edit",
    delete_message: "Delete",
    delete_for_all: "Delete for everybody",
    deleted: "deleted by its author",
    edited: "edited",
    editing: "Editing",
    replying: |name| format!("Reply to {name}"),
    quote_missing: "Reply to a message that is not kept here",
    reacted: |emoji, names| format!("{emoji} from {names}"),
    show_all: "Show all",
    amount: |messages, size| match messages {
        1 => format!("1 message, {size}"),
        _ => format!("{messages} messages, {size}"),
    },
    kept_here: |amount, limit| {
        format!("Kept in this browser: {amount}. At most {limit}; then the oldest are deleted.")
    },
    dropped: |messages, until| match messages {
        1 => format!("The oldest message, of {until}, was deleted."),
        _ => format!("The oldest {messages} messages, up to {until}, were deleted."),
    },
    storage_full: "The storage of this browser is full: the newest messages may be lost when you close this page. Delete rooms that you no longer need, or data of this site in the settings of the browser.",
    storage_partly: "This browser has no database for the page, or it does not answer: only the newest messages of this room are kept, 1 MB of text. Reload the page to try again, or allow it to store data in the settings of the browser.",
    storage_denied: "This browser does not let the page keep anything: new messages are lost when you close it. Open it in a window that is not private, or allow it to store data.",
    delete_rooms: "Show the rooms that are kept",
    deleted_rooms: |names| {
        format!(
            "This browser keeps 48 MB of messages. To make room, it has deleted those of the rooms that were left longest ago, and their files: {names}"
        )
    },
    write_message: "Write a message",
    send: "Send",
    text_limit: |size| {
        format!(
            "This text has {size}; a message has at most 64 kB. Shorten it, or attach it as a file."
        )
    },
    attach_files: "Attach files",
    drop_here: "Drop files here to share them with the room",
    files_to_send: "Files to be sent",
    remove_file: |name| format!("Remove {name}"),
    empty_folder: |name| format!("The folder {name} has no files to send."),
    unreadable_folder: |name| {
        format!("The folder {name} cannot be read completely. Attach its files with +.")
    },
    too_many_attached: |limit| {
        format!("Only {limit} files are sent at once. Send these, then drop the others again.")
    },

    // Files
    files: "Files",
    no_files: "Drop files anywhere on this page, paste an image, or press +.",
    kept: |size| format!("Kept in this browser: {size}"),
    held: |size, limit| {
        format!(
            "This browser keeps no files for this page. Until it is closed, its memory has {size} of at most {limit}."
        )
    },
    memory_full: "Too large for the memory of this page, as this browser keeps no files for it. Save and delete what was received, or use another browser.",
    confirm_delete_kept: "Delete the received files of this room from this browser? What you have saved elsewhere stays, and so do files that are still being received.",
    confirm_delete_file: "Delete this file from this browser? What you have saved elsewhere stays.",
    confirm_withdraw: "Withdraw this file from everybody? That cannot be undone. Who has it keeps it.",
    from_peer: |name| format!("from {name}"),
    transfer_with: |name, what| format!("{name}: {what}"),
    shared: "shared with the room",
    requested: "requested, waiting",
    progress: |done, size| format!("{done} of {size}"),
    time_left: |time| format!("{time} left"),
    transfer_paused: "paused, resumes when reconnected",
    verified: "verified",
    saved_verified: "saved and verified",
    delivered_verified: "delivered and verified",
    transfer_stopped: "stopped",
    withdrawn: "Withdrawn by the sender",
    other_file: |name| {
        format!("{name} is not the file that was offered: its name, size or content differs.")
    },
    cancelled_by_sender: "stopped by the sender",
    sender_lost_it: "The sender's page no longer has it. The download continues when the sender attaches it again.",
    waits_for_file: "waits until you attach the file again",
    sender_left: "The sender left. The download continues when they are back.",
    receiver_left: "left before it was complete",
    offer_withdrawn: "withdrawn",
    attach_again: "Attach again",
    withdraw: "Withdraw",
    no_longer_available: "No longer available on this page.",
    checksum_mismatch: "Checksum mismatch. Download it again",
    no_answer: "The sender does not answer. Download it again",
    write_failed: "Could not be saved. Delete received files, or make room on the disk, then continue",
    read_failed: "Could not be read. Was it changed or moved?",
    download: "Download",
    resume: "Resume",
    cancel: "Cancel",
    save: "Save",

    alerts: "While you are elsewhere",
    alerts_text: "How a room that is open in another tab or window tells you of messages.",
    notify: "Show a notification, with the text of the message",
    notify_missing: "This browser shows no notifications of this page. Open it over HTTPS, or in another browser.",
    notify_denied: "The browser blocks notifications of this page. Allow them beside the address of the page, then load it again.",
    notify_open: "The browser has not been told to show them. Switch this off and on, and allow them.",
    notify_sound: "Play a sound",
    notify_badge: "Show the number of unread messages on the icon of the installed page",
    badge_missing: "This browser shows no number on an icon. The number is in the title of the tab.",
    message_in: |name, room| format!("{name}, in {room}"),
    mentioned_in: |name, room| format!("{name} mentions you in {room}"),
};
