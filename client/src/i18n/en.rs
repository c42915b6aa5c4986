//! English.

use super::Text;

/// The column.
pub const TEXT: Text = Text {
    // Frame of every page
    app: "Weir",
    skip: "Skip to the content",
    main_menu: "Main menu",
    streams: "Streams",
    canvas: "Canvas",
    embed: "Embed",
    settings: "Settings",
    language: "Language",
    this_language: "English",
    other_language: "简体中文",
    other_language_short: "中文",
    server_online: "server online",
    server_offline: "server unreachable",
    server_asking: "asking the server",
    not_found: "There is no such page",
    not_found_text: |address| format!("No page has the address \"{address}\"."),

    // Steps out of trouble
    try_again: "Try again",
    try_now: "Try now",
    to_streams: "All streams",
    change_server: "Change the server address",

    // Trouble
    unreachable: "The server does not answer",
    unreachable_text: |server| {
        format!(
            "Nothing answered at {server}. Check that Weir is running there and that its address is right."
        )
    },
    unreadable: "This is not a Weir server",
    unreadable_text: |server| {
        format!("Something answered at {server}, but not in the words of Weir. Check the address.")
    },
    refused: "The server said no",
    no_server: "No server yet",
    no_server_text: "This page was not opened from a Weir server, so it has to be told where one is.",
    lost_contact: "Lost contact with the server; this is what was here a moment ago. Trying again by itself.",

    // Gallery
    loading_rooms: "Loading rooms…",
    rooms_missing: "Rooms could not be loaded",
    rooms_missing_text: "A part of this page did not arrive. Check the connection, then try again.",
    loading_streams: "Asking for the streams…",
    stream_count: |count| match count {
        1 => "One stream on this server.".to_owned(),
        n => format!("{n} streams on this server."),
    },
    add_files: "Add files to the media folder and they appear here.",
    no_streams: "Nothing to watch yet",
    no_streams_text: "The server is running, but has no streams. Put a video file into its media folder, or start it with the name of a file. It will appear here by itself.",
    watching: |count| match count {
        0 => "nobody watching".to_owned(),
        n => format!("{n} watching"),
    },
    live: "live",
    loops: |length| format!("{length}, loops"),
    no_sound: "no sound",
    no_picture: "no picture",
    probing: "looking at the file…",
    cannot_play: "cannot be played",

    // Player, in words
    connecting: "connecting",
    first_picture: "connected, waiting for the first picture",
    playing: "playing",
    playing_behind: |ms| format!("playing, {ms} ms behind the server"),
    blocked: "ready: press play, your browser waits for you",
    unsteady: "nothing arrives, waiting a moment",
    restarting: "looking for a new path to the server",
    closed: "the server ended the connection",
    reconnecting_in: |seconds| format!("reconnecting in {seconds} s"),
    reconnecting: "reconnecting",
    stopped: "stopped",
    ended: "the stream ended",
    failed_because: |why| format!("failed because {why}"),
    why_lost: "The connection was lost. Waiting for the network or the server to come back.",
    why_closed: "The server ended the connection; the stream is still there.",
    why_unreachable: "The server does not answer. It may be restarting.",
    why_no_path: "The server answers, but the media finds no way through. A firewall may block UDP; a TURN server helps.",
    failed_not_found: "there is no such stream",
    failed_refused: "the server refused",
    failed_browser: "this browser could not do it",
    ended_text: "The server has closed this stream.",

    // Player, controls
    player: "Player",
    start: "Play",
    stop: "Stop",
    watch_again: "Watch again",
    unmute: "Turn the sound on",
    mute: "Mute",
    volume: "Volume",
    fullscreen: "Full screen",
    leave_fullscreen: "Leave full screen",
    pip: "Picture in picture",
    keys: "Keys: space plays and stops, m sound, arrows volume, f full screen, p picture in picture",
    copy_link: "Copy link",
    copied: "Copied",
    copy_failed: "Select the text and copy it yourself",
    open_canvas: "Open on a canvas",
    get_embed: "Embed code",

    // Statistics
    statistics: "Statistics",
    last_minute: "last minute",
    bitrate: "Bitrate",
    frames: "Frames",
    fps_unit: "fps",
    round_trip: "Round trip",
    jitter: "Jitter",
    lost: "Lost",
    freezes: "Freezes",
    freezes_unit: "times",
    codec: "Codec",
    resolution: "Resolution",
    path: "Path",
    jitter_buffer: "Jitter buffer",
    repaired: "Repaired",
    packets: |count| format!("{count} packets"),
    lost_total: "Lost in all",
    direct: "direct",
    relayed: "relayed",
    unknown: "–",

    // Canvas
    canvas_text: "Frames are drawn to a canvas as they arrive, with no video element on the page. Everything below happens in this browser.",
    stream: "Stream",
    filters: "Filters",
    grey: "Grey",
    invert: "Invert",
    edges: "Edges",
    mirror: "Mirror",
    histogram: "Histogram",
    histogram_text: "How often each level of red, green, blue and brightness occurs, dark on the left.",
    save_still: "Save a still",
    drawing: |fps, ms| format!("{fps} frames a second, {ms} ms each"),
    no_picture_streams: "No stream here has a picture to draw.",

    // Embed
    embed_title: "Put a stream on your own page",
    embed_text: "Three ways, from the shortest to the freest. Each works on any site, also on a page opened from a file.",
    iframe: "A frame",
    iframe_text: "One line of HTML. The player comes along, with reconnecting, starts without sound and fills the frame.",
    twenty_lines: "Twenty lines of JavaScript",
    twenty_lines_text: "No library and no build step: an offer is posted, the answer comes back.",
    whole_page: "A whole page",
    whole_page_text: "With start, stop, sound and reconnecting. Save it, open it from your disk, change it.",
    copy: "Copy",
    download: "Download",
    open: "Open",
    preview: "Preview",
    show_preview: "Show the preview",
    no_streams_embed: "There is no stream to embed yet.",

    // Settings
    server: "Server",
    server_used: "Used now",
    from_query: "It comes from ?server= in the address of this page.",
    from_saved: "It was saved here.",
    from_config: "It comes from config.json beside this page.",
    from_origin: "It is where this page came from.",
    query_wins: "As long as ?server= is in the address of this page, it wins over what is saved here.",
    server_address: "Server address",
    server_hint: "For example http://192.168.1.20:8000. Leave it empty to find the server by itself.",
    bad_address: "This is not an address. It should look like http://host:8000.",
    mixed_content: "This page is secure (https) and the address is not (http): most browsers will refuse to connect.",
    test: "Test",
    testing: "Asking…",
    test_good: |version, streams, uptime| {
        let plural = if streams == 1 { "stream" } else { "streams" };
        format!("It answers: Weir {version}, {streams} {plural}, up for {uptime}.")
    },
    save: "Save",
    saved: "Saved.",
    ice_servers: "ICE servers",
    ice_hint: "One a line: stun:host:3478, or turn:host:3478 user password. Leave it empty to use those of the server.",
    bad_ice: |line| format!("This line is not an ICE server: {line}"),
    ice_from_server: "From the server",
    ice_none: "none: only direct connections",
    by_browser: "As the browser",
    about_text: "Settings are kept in this browser only.",

    // Pages of their own
    room: super::room::en::TEXT,
    doctor: super::doctor::en::TEXT,
};
