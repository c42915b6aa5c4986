//! Messages in English.

use super::format::duration;
use super::intl::{Unit, counted, relative};
use super::{Lang, Text};

pub const TEXT: Text = Text {
    // Frame of every page
    skip_to_content: "Skip to content",
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
    server_checking: "checking the server",
    not_found: "Page not found",
    not_found_text: |address| format!("There is no page at \"{address}\"."),

    // Next steps
    try_again: "Try again",
    try_now: "Try now",
    all_streams: "All streams",

    // Errors
    unreachable: "The server does not respond",
    unreachable_text: |server| {
        format!(
            "No response from {server}. Check that Weir is running there and that the address is correct."
        )
    },
    not_weir: "This is not a Weir server",
    not_weir_text: |server| {
        format!("{server} responds, but not as a Weir server does. Check the address.")
    },
    refused: "The server refused the request",
    details: "Details",
    stale: "The server does not respond. The list may be out of date; retrying automatically.",

    // Gallery
    loading_streams: "Loading streams…",
    stream_count: |count| format!("{} on this server.", counted(count, "stream", "streams")),
    streams_found: |found, all| format!("{found} of {all} streams"),
    search: "Search streams",
    broken: "Cannot be played",
    no_streams: "No streams yet",
    no_streams_text: "The server is running, but has no streams. Put a video into its media folder, or start it with a folder of videos. They appear here by themselves.",
    viewers: |count| match count {
        0 => "No viewers".to_owned(),
        n => counted(n, "viewer", "viewers"),
    },
    live: "live",
    not_live_yet: "not live yet",
    interrupted: "interrupted",
    over: "ended",
    looped: |length| format!("{length}, looped"),
    no_audio: "no audio",
    no_video: "no video",
    video: "Video",
    audio: "Audio",
    passed_through: "passed through",
    probing: "analyzing the file…",
    cannot_play: "cannot be played",

    // Player, status
    connecting: "connecting",
    waiting_for_frame: "connected, waiting for the first frame",
    frame_late: "waiting for the next frame",
    playing: "playing",
    playing_delay: |ms| format!("playing, {ms} ms behind the server"),
    autoplay_blocked: "Press play: this browser starts a video only after a click.",
    no_data: "no data received, waiting",
    restarting: "looking for a new network path to the server",
    closed_by_server: "the server closed the connection",
    reconnecting_in: |seconds| {
        format!(
            "reconnecting {}",
            relative(seconds.into(), Unit::Second, Lang::En)
        )
    },
    reconnecting: "reconnecting",
    stopped: "stopped",
    ended: "the stream has ended",
    failed: |why| format!("failed: {why}"),
    cause_lost: "The connection was lost. Waiting for the network or the server to come back.",
    cause_closed: "The server closed the connection; the stream is still available.",
    cause_unreachable: "The server does not respond. It may be restarting.",
    cause_no_path: "The server responds, but its media does not reach this browser. A firewall may block UDP; a TURN server helps.",
    failed_not_found: "stream not found",
    failed_refused: "the server refused the request",
    failed_browser: "browser error",
    failed_browser_text: "This browser could not open the connection. Reload the page; if that does not help, update the browser or use another one.",
    upcoming_text: "Playback starts here when the stream does.",
    back_soon: |seconds| {
        format!(
            "back soon, interrupted for {}",
            duration(seconds.into(), Lang::En)
        )
    },
    back_soon_text: "Nothing comes from the publisher. Playback continues here when it is back.",
    ended_text: "This stream has ended. Playback continues here when the stream is back.",
    too_slow: "Frames skipped: your connection is too slow for this video. Audio continues.",

    // Player, controls
    player: "Player",
    play: "Play",
    stop: "Stop",
    watch_again: "Watch again",
    unmute: "Unmute",
    mute: "Mute",
    volume: "Volume",
    muted: "muted",
    fullscreen: "Full screen",
    exit_fullscreen: "Exit full screen",
    picture_in_picture: "Picture in picture",
    second_picture: "Second picture",
    show_inset: "Show the camera",
    inset: "Camera. Move it with the arrow keys",
    play_or_stop: "Play or stop",
    space: "Space",
    keys: "Keys",
    open_in_canvas: "Open in canvas",
    embed_code: "Embed code",

    // Statistics
    statistics: "Statistics",
    copy_json: "Copy as JSON",
    copy_problem: "Copy a report",
    bitrate: "Bitrate",
    frame_rate: "Frame rate",
    fps_unit: "fps",
    ms_unit: "ms",
    round_trip: "Round-trip time",
    jitter: "Jitter",
    packet_loss: "Packet loss",
    freezes: "Freezes",
    freezes_unit: "in total",
    codec: "Codec",
    resolution: "Resolution",
    path: "Network path",
    jitter_buffer: "Jitter buffer",
    retransmitted: "Retransmitted",
    packets: |count| counted(count, "packet", "packets"),
    packets_lost: "Packets lost",
    direct: "direct",
    relayed: "relayed",
    no_value: "–",

    // Canvas
    canvas_text: "Each frame is drawn to a canvas, with filters and a histogram that are computed in this browser.",
    stream: "Stream",
    filters: "Filters",
    greyscale: "Grey",
    invert: "Invert",
    edges: "Edges",
    mirror: "Mirror",
    histogram: "Histogram",
    histogram_text: "How often each level of brightness, red, green and blue occurs; dark on the left.",
    red: "Red",
    green: "Green",
    blue: "Blue",
    brightness: "Brightness",
    save_image: "Save image",
    render_cost: |fps, ms| format!("{fps} fps, {ms} ms per frame"),
    no_video_streams: "No stream on this server has video.",

    // Embed
    embed_title: "Put a stream on your own page",
    embed_text: "Three ways, from the shortest to the most flexible. Each works on any site, and on a page opened from a file.",
    iframe: "An iframe",
    iframe_text: "One line of HTML with the complete player. It starts muted, fills the frame and reconnects automatically.",
    twenty_lines: "Twenty lines of JavaScript",
    twenty_lines_text: "No library and no build step: the page posts an SDP offer and receives the answer.",
    complete_page: "A complete page",
    complete_page_text: "With start, stop, mute and reconnecting. Save it, open it from disk, change it.",
    copy: "Copy",
    download: "Download",
    open: "Open",
    preview: "Preview",
    show_preview: "Show the preview",
    no_streams_embed: "There is no stream to embed yet.",

    // Settings
    server: "Server",
    server_used: "In use",
    from_query: "From ?server= in the address of this page.",
    from_saved: "Saved in this browser.",
    from_config: "From config.json next to this page.",
    from_origin: "The server that this page came from.",
    bad_server: |asked, used| {
        format!(
            "\"{asked}\" in the address of this page (?server=) is not the address of a server. In use: {used}"
        )
    },
    other_server: |_, used| format!("This page uses a server that is not its own: {used}"),
    other_server_off: |asked, used| {
        format!("This page may not use other servers, such as {asked}. In use: {used}")
    },
    without_server: "Open this page without it",
    query_overrides: "While ?server= is in the address of this page, it overrides the saved address.",
    ask_again: "Ask again before other servers are used",
    server_address: "Server address",
    server_hint: "For example http://192.168.1.20:8000. Leave it empty to find the server automatically.",
    bad_address: "This is not a valid address. It should look like http://host:8000.",
    mixed_content: "This page uses https and the address uses http: most browsers refuse to connect.",
    test: "Test",
    testing: "Testing…",
    test_passed: |version, streams, uptime| {
        let streams = counted(streams, "stream", "streams");
        format!("The server responds: Weir {version}, {streams}, up for {uptime}.")
    },
    save: "Save",
    saved: "Saved.",
    ice_servers: "ICE servers",
    ice_hint: "One per line: stun:host:3478, or turn:host:3478 user password. Leave it empty to use the ICE servers that the server names.",
    bad_ice: |line| format!("This line is not an ICE server: {line}"),
    ice_none: "none, direct connections only",
    browser_language: "Same as the browser",
    settings_own: "For you",
    settings_text: "Saved in this browser, for all its tabs.",
    settings_operator: "For the operator of the server",
    settings_operator_text: "Which server this page uses, and how browsers reach it. Leave these empty unless you run the server.",
    relay_only: "Hide my address in rooms",
    relay_only_text: "Messages and files go through a relay (needs a TURN server).",
    relay_only_none: "No TURN server is in use: no connection is possible.",
    ice_used_server: "In use (from the server)",
    ice_used_own: "In use (your own)",
    ice_servers_own: "Your own ICE servers",
    connection_test: "Connection test",
};
