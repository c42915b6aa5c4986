//! Messages in 简体中文.

use shared::api::ViewerLimit;

use super::Text;

pub const TEXT: Text = Text {
    // Frame of every page
    skip_to_content: "跳到正文",
    main_menu: "主菜单",
    streams: "视频流",
    canvas: "画布",
    embed: "嵌入",
    settings: "设置",
    language: "语言",
    this_language: "简体中文",
    other_language: "English",
    other_language_short: "EN",
    server_online: "服务器在线",
    server_offline: "服务器无法连接",
    server_checking: "正在检测服务器",
    not_found: "页面不存在",
    not_found_text: |address| format!("地址“{address}”没有对应的页面。"),

    // Next steps
    try_again: "重试",
    try_now: "立即重试",
    all_streams: "全部视频流",

    // Errors
    unreachable: "服务器无响应",
    unreachable_text: |server| {
        format!("{server} 无响应。请确认 Weir 正在该地址运行，并检查地址是否正确。")
    },
    not_weir: "这不是 Weir 服务器",
    not_weir_text: |server| format!("{server} 有响应，但不是 Weir 服务器。请检查地址。"),
    refused: "服务器拒绝了请求",
    stale: "服务器无响应，列表可能已过时，正在自动重试。",

    // Gallery
    loading_streams: "正在加载视频流…",
    stream_count: |count| {
        format!("此服务器上有 {count} 个视频流。放入媒体文件夹的文件会显示在这里。")
    },
    no_streams: "还没有视频流",
    no_streams_text: "服务器正在运行，但没有视频流。请把视频文件放进它的媒体文件夹，或在启动时指定文件，视频流会自动显示在这里。",
    viewers: |count| match count {
        0 => "无人观看".to_owned(),
        n => format!("{n} 人正在观看"),
    },
    live: "直播",
    looped: |length| format!("{length}，循环播放"),
    no_audio: "无音频",
    no_video: "无视频",
    probing: "正在分析文件…",
    cannot_play: "无法播放",

    // Player, status
    connecting: "正在连接",
    waiting_for_frame: "已连接，正在等待第一帧",
    playing: "正在播放",
    playing_delay: |ms| format!("正在播放，比服务器晚 {ms} 毫秒"),
    autoplay_blocked: "请点击播放：此浏览器只在点击后才开始播放视频。",
    no_data: "没有收到数据，正在等待",
    restarting: "正在寻找通往服务器的新网络路径",
    closed_by_server: "服务器关闭了连接",
    reconnecting_in: |seconds| format!("{seconds} 秒后重新连接"),
    reconnecting: "正在重新连接",
    stopped: "已停止",
    ended: "视频流已结束",
    failed: |why| format!("失败：{why}"),
    cause_lost: "连接已断开，正在等待网络或服务器恢复。",
    cause_closed: "服务器关闭了连接，但视频流仍可观看。",
    cause_unreachable: "服务器无响应，可能正在重启。",
    cause_no_path: "服务器有响应，但媒体数据无法到达此浏览器。防火墙可能拦截了 UDP，可以使用 TURN 服务器。",
    limit_reached: |limit| match limit {
        ViewerLimit::ViewersOfAddress => {
            "您所在网络的观众数已达到服务器的上限。请关闭其他观看页面，本页会自动重试。"
        }
        ViewerLimit::ConnectingOfAddress | ViewerLimit::Connecting => {
            "同时连接的观众过多，本页稍后会自动重试。"
        }
        ViewerLimit::EncodersOfAddress => {
            "服务器为您所在网络编码的视频数已达到上限。请关闭其中一个视频，或使用能播放原始视频的浏览器。"
        }
        ViewerLimit::Viewers => "服务器的观众数已达到上限，本页会自动重试。",
        ViewerLimit::Encoders => {
            "服务器编码的视频数已达到上限，本页会自动重试；使用能播放原始视频的浏览器则无需等待。"
        }
        ViewerLimit::Egress => "服务器的带宽已达到上限，本页会自动重试。",
        ViewerLimit::Processor => "服务器的处理器已满负荷，本页会自动重试。",
    },
    failed_not_found: "没有这个视频流",
    failed_refused: "服务器拒绝了请求",
    failed_browser: "浏览器出错",
    ended_text: "服务器已结束这个视频流。",
    too_slow: "已跳过部分帧：您的网络速度不足以播放此视频。音频不受影响。",

    // Player, controls
    player: "播放器",
    play: "播放",
    stop: "停止",
    watch_again: "再次观看",
    unmute: "取消静音",
    mute: "静音",
    volume: "音量",
    fullscreen: "全屏",
    exit_fullscreen: "退出全屏",
    picture_in_picture: "画中画",
    keyboard_help: "快捷键：空格 播放或停止，m 静音，↑↓ 音量，f 全屏，p 画中画",
    copy_link: "复制链接",
    open_in_canvas: "在画布中打开",
    embed_code: "嵌入代码",

    // Statistics
    statistics: "统计",
    last_minute: "最近一分钟",
    bitrate: "码率",
    frame_rate: "帧率",
    fps_unit: "帧/秒",
    ms_unit: "毫秒",
    round_trip: "往返时间",
    jitter: "抖动",
    packet_loss: "丢包率",
    freezes: "卡顿",
    freezes_unit: "次",
    codec: "编解码器",
    resolution: "分辨率",
    path: "网络路径",
    jitter_buffer: "抖动缓冲",
    retransmitted: "重传",
    packets: |count| format!("{count} 个数据包"),
    packets_lost: "丢包",
    direct: "直连",
    relayed: "经中继",
    no_value: "–",

    // Canvas
    canvas_text: "每一帧到达后直接绘制到画布上，页面中没有视频元素。滤镜和直方图都在此浏览器中计算。",
    stream: "视频流",
    filters: "滤镜",
    greyscale: "灰度",
    invert: "反色",
    edges: "边缘",
    mirror: "镜像",
    histogram: "直方图",
    histogram_text: "红、绿、蓝和亮度各级别出现的频率，左侧为暗部。",
    save_image: "保存截图",
    render_cost: |fps, ms| format!("{fps} 帧/秒，每帧 {ms} 毫秒"),
    no_video_streams: "此服务器上没有带视频的流。",

    // Embed
    embed_title: "把视频流放到您自己的网页上",
    embed_text: "三种方式，从最简短到最灵活。每一种都可用于任何网站，也可用于从文件打开的页面。",
    iframe: "内嵌框架（iframe）",
    iframe_text: "一行 HTML，包含完整的播放器：静音开始播放，填满框架，自动重新连接。",
    twenty_lines: "二十行 JavaScript",
    twenty_lines_text: "不需要库，也不需要构建：页面发送 SDP offer，收到 answer。",
    complete_page: "完整页面",
    complete_page_text: "带有开始、停止、静音和重新连接。可以保存，从磁盘打开，随意修改。",
    copy: "复制",
    download: "下载",
    open: "打开",
    preview: "预览",
    show_preview: "显示预览",
    no_streams_embed: "还没有可以嵌入的视频流。",

    // Settings
    server: "服务器",
    server_used: "正在使用",
    from_query: "来自此页面地址中的 ?server=。",
    from_saved: "保存在此浏览器中。",
    from_config: "来自此页面旁边的 config.json。",
    from_origin: "即提供此页面的服务器。",
    query_overrides: "只要此页面的地址中带有 ?server=，就优先于这里保存的地址。",
    server_address: "服务器地址",
    server_hint: "例如 http://192.168.1.20:8000。留空则自动查找服务器。",
    bad_address: "这不是有效的地址，应类似 http://host:8000。",
    mixed_content: "此页面使用 https，而该地址使用 http：多数浏览器会拒绝连接。",
    test: "检测",
    testing: "正在检测…",
    test_passed: |version, streams, uptime| {
        format!("服务器有响应：Weir {version}，{streams} 个视频流，已运行 {uptime}。")
    },
    save: "保存",
    saved: "已保存。",
    ice_servers: "ICE 服务器",
    ice_hint: "每行一个：stun:host:3478，或 turn:host:3478 用户名 密码。留空则使用服务器提供的 ICE 服务器。",
    bad_ice: |line| format!("这一行不是 ICE 服务器：{line}"),
    ice_none: "无，仅直接连接",
    browser_language: "跟随浏览器",
    settings_text: "设置只保存在此浏览器中。",
    relay_only: "房间中仅使用中继",
    relay_only_text: "其他人不会得知此设备的地址。需要 TURN 服务器。",
    relay_only_none: "没有使用任何 TURN 服务器，无法建立连接。",
    ice_used_server: "正在使用（来自服务器）",
    ice_used_own: "正在使用（您自己的）",
    ice_servers_own: "您自己的 ICE 服务器",
    connection_test: "连接诊断",
};
