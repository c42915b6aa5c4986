//! Messages in 简体中文.

use super::Room;
use crate::i18n::Lang;
use crate::i18n::intl::{Unit, relative};

pub const TEXT: Room = Room {
    // Lobby
    intro: "打开同一个房间的人可以互相交谈：消息和文件在浏览器之间（或与终端之间）直接传送，服务器只负责建立连接。",
    room: "房间",
    room_hint: "任何名称都可以。知道名称的人都能加入，除非房间有密码。这个名称是自动生成的。",
    create: "创建",
    password: "密码",
    password_hint: "可不填。房间是否有密码，由第一个进入的人决定。",
    password_too_long: "这个密码太长了。",
    join: "加入",
    need_name: "请填写您的名字。",
    need_room: "请填写房间名称。",
    too_long: "这个名称太长了。",
    recent_rooms: "最近的房间",
    no_recent_rooms: "还没有。有过消息的房间会列在这里，只保存在此浏览器中。",
    unread_count: |count| format!("{count} 条未读"),
    delete: "删除",
    confirm_delete: |room| format!("要从此浏览器中删除房间“{room}”及其全部消息吗？"),

    // Joining and leaving
    joining: "正在加入…",
    join_room: |room| format!("加入房间 {room}"),
    server_lost: |seconds| match seconds {
        0 => "未连接到服务器，聊天不受影响。正在重新连接…".to_owned(),
        s => format!(
            "未连接到服务器，聊天不受影响。{}重新连接。",
            relative(s.into(), Unit::Second, Lang::Zh)
        ),
    },
    server_away: |seconds| match seconds {
        0 => "无法连接服务器，正在重试…".to_owned(),
        s => format!(
            "无法连接服务器，将于{}重试。",
            relative(s.into(), Unit::Second, Lang::Zh)
        ),
    },
    in_room: |room, unread| match unread {
        0 => format!("在房间 {room} 中"),
        count => format!("在房间 {room} 中，{count} 条未读"),
    },
    left: "您已离开此房间",
    left_text: "消息保留在此浏览器中。",
    try_now: "立即重试",
    try_again: "重试",
    rejoin: "重新加入",
    leave: "离开",
    refused: "未能加入房间",
    bad_name: "服务器不接受这个名字。请换一个短一些、不含特殊字符的名字。",
    bad_room_name: "服务器不接受这个房间名。请换一个房间名：短一些，不含特殊字符。",
    name_taken: "房间里已经有人使用这个名字，请换一个。",
    password_needed: "此房间有密码，请向房间里的人询问。",
    wrong_password: "房间的密码不是这个，或没有密码；如果没有，请留空。",
    too_many_passwords: "您的网络输错密码的次数过多，请一分钟后再试。",
    room_full: "房间已满。请稍后再试，或加入其他房间。",
    server_full: "服务器人数已满，请稍后再试。",
    version: "此页面与服务器的版本不同，请重新加载。",
    replaced: "您已在另一个标签页或窗口中打开此房间，聊天在那里继续。",
    foreign_origin: |origin| {
        format!(
            "服务器不允许其他网站的页面使用房间。请打开服务器自己的页面，或请其所有者在启动时加上 --cors-origin {origin}"
        )
    },
    unknown_host: |host| {
        format!(
            "服务器不认识域名 {host}。请用服务器的 IP 地址打开，或请其所有者在启动时加上 --host {host}"
        )
    },
    open_elsewhere: "您已在别处打开此房间",
    reload: "重新加载",
    other_room: "其他房间",
    continue_here: "在这里继续",

    // People
    people_count: |count| format!("房间里共 {count} 人"),
    this_browser: "您（此浏览器）",
    rename: "修改名字",
    browser: "浏览器",
    terminal: "终端",
    other_client: "其他客户端",
    connecting: "正在连接",
    direct: "直连",
    relayed: "经中继",
    rtt: |path, ms| format!("{path}，{ms} 毫秒"),
    peer_reconnecting: "正在重新连接",
    peer_failed: "无法连接：",
    run_connection_test: "进行连接诊断",
    peer_away: "正在重新连接服务器",
    peer_unlisted: "未连接到服务器",
    typing: "正在输入…",
    is_typing: |names| format!("{names} 正在输入…"),
    safety: "安全码",
    safety_text: |name| {
        format!("请当面或通过电话与 {name} 核对。两边看到的数字相同，就说明没有中间人。")
    },
    history: "向之后加入的人显示最近的消息",
    history_hint: "从现在起，最多 200 条。房间里的任何人都可以更改。",
    history_on: |name| match name {
        Some(name) => format!("{name} 开启了向之后加入的人显示最近的消息"),
        None => "之后加入的人会看到最近的消息".to_owned(),
    },
    history_off: |name| match name {
        Some(name) => format!("{name} 关闭了向之后加入的人显示最近的消息"),
        None => "之后加入的人不再看到最近的消息".to_owned(),
    },
    told_by: |name| format!("由 {name} 转发"),
    privacy: "消息和文件加密后在你们之间直接传送，服务器看不到。",
    alone: "这里还没有其他人",
    alone_text: "把链接发给想交谈的人。现在写下的消息会送达第一个加入的人。",

    // Messages
    people: "成员",
    chat: "聊天",
    messages: "消息",
    unread_messages: "未读消息",
    peer_joined: |name| format!("{name} 加入了房间"),
    peer_left: |name| format!("{name} 离开了房间"),
    lost_peer: |name| format!("与 {name} 的连接已断开"),
    peer_renamed: |from, to| format!("{from} 改名为 {to}"),
    tick_waiting: "尚未送达",
    tick_some: |reached, of| format!("已送达 {of} 人中的 {reached} 人"),
    tick_count: |reached, of| format!("{reached}/{of}"),
    tick_all: "已全部送达",
    new_messages: "有新消息",
    search: "搜索",
    search_hint: "消息、文件、名字中的词",
    found: |at, of| format!("第 {at} 条，共 {of} 条"),
    nothing_found: "没有找到",
    older_match: "更早的一条",
    newer_match: "更新的一条",
    close_search: "关闭",
    message_menu: "回应、回复等",
    reply: "回复",
    edit: "编辑",
    delete_message: "删除",
    delete_for_all: "为所有人删除",
    deleted: "已被作者删除",
    edited: "已编辑",
    editing: "正在编辑",
    replying: |name| format!("回复 {name}"),
    quote_missing: "回复的消息不在此处保存",
    reacted: |emoji, names| format!("{names} 回应了 {emoji}"),
    show_all: "显示全部",
    amount: |messages, size| format!("{messages} 条消息，{size}"),
    kept_here: |amount, limit| {
        format!("保存在此浏览器中：{amount}。上限为 {limit}，超出后删除最早的消息。")
    },
    dropped: |messages, until| format!("最早的 {messages} 条消息（截至 {until}）已删除。"),
    storage_full: "此浏览器的存储空间已满：关闭此页面后，最新的消息可能会丢失。请删除不再需要的房间，或在浏览器设置中删除本网站的数据。",
    storage_partly: "此浏览器未向页面提供数据库，或数据库没有响应：本房间仅保存最新的消息（1 MB 文本）。请重新加载页面再试，或在浏览器设置中允许本网站存储数据。",
    storage_denied: "此浏览器不允许页面保存任何内容：关闭页面后，新消息会丢失。请在非无痕窗口中打开，或允许网站存储数据。",
    delete_rooms: "查看已保存的房间",
    deleted_rooms: |names| {
        format!(
            "此浏览器最多保存 48 MB 消息。为腾出空间，已删除最久未使用的房间的消息及其文件：{names}"
        )
    },
    write_message: "输入消息",
    send: "发送",
    text_limit: |size| format!("此文本共 {size}，而一条消息最多 64 kB。请缩短，或作为文件发送。"),
    attach_files: "添加文件",
    drop_here: "拖放到这里，与房间里的人分享",
    files_to_send: "待发送的文件",
    remove_file: |name| format!("移除 {name}"),
    empty_folder: |name| format!("文件夹 {name} 中没有可发送的文件。"),
    unreadable_folder: |name| format!("文件夹 {name} 无法完整读取，请用 + 添加其中的文件。"),
    too_many_attached: |limit| format!("一次最多发送 {limit} 个文件。请先发送这些，再拖放其余的。"),

    // Files
    files: "文件",
    no_files: "把文件拖到页面任意位置、粘贴图片，或点击 +。",
    kept: |size| format!("此浏览器中保存了 {size}"),
    held: |size, limit| {
        format!("此浏览器不为此页面保存文件。页面关闭前，其内存中有 {size}（最多 {limit}）。")
    },
    memory_full: "此浏览器不为此页面保存文件，而页面的内存放不下该文件。请先另存并删除已接收的文件，或换用其他浏览器。",
    confirm_delete_kept: "要从此浏览器中删除此房间已接收的文件吗？您另存的文件和正在接收的文件不受影响。",
    confirm_delete_file: "要从此浏览器中删除此文件吗？您另存的文件不受影响。",
    confirm_withdraw: "要向所有人撤回此文件吗？撤回后无法恢复。已收到的人仍会保留该文件。",
    from_peer: |name| format!("来自 {name}"),
    transfer_with: |name, what| format!("{name}：{what}"),
    shared: "已分享到房间",
    requested: "已请求，等待中",
    progress: |done, size| format!("{done} / {size}"),
    time_left: |time| format!("剩余 {time}"),
    transfer_paused: "已暂停，重新连接后自动继续",
    verified: "校验通过",
    saved_verified: "已保存，校验通过",
    delivered_verified: "已送达，校验通过",
    transfer_stopped: "已停止",
    withdrawn: "发送者已撤回",
    other_file: |name| format!("{name} 不是之前分享的文件：名称、大小或内容不同。"),
    cancelled_by_sender: "发送者已停止",
    sender_lost_it: "发送者的页面已没有该文件；对方重新添加后，下载会自动继续。",
    waits_for_file: "正在等待您重新添加该文件",
    sender_left: "发送者已离开；对方回来后，下载会自动继续。",
    receiver_left: "在完成之前已离开",
    offer_withdrawn: "已撤回",
    attach_again: "重新添加",
    withdraw: "撤回",
    no_longer_available: "此页面已没有该文件。",
    checksum_mismatch: "校验失败，请重新下载",
    no_answer: "发送方无响应，请重新下载",
    write_failed: "无法保存。请删除已接收的文件或清理磁盘，然后继续",
    read_failed: "无法读取，文件是否被修改或移动？",
    download: "下载",
    resume: "继续",
    cancel: "取消",
    save: "保存",

    alerts: "不在此页面时",
    alerts_text: "房间在其他标签页或窗口中打开时，如何提醒新消息。",
    notify: "显示通知，包含消息内容",
    notify_missing: "此浏览器无法显示本页面的通知。请通过 HTTPS 打开，或换用其他浏览器。",
    notify_denied: "浏览器已阻止本页面的通知。请在地址栏旁允许通知，然后重新加载页面。",
    notify_open: "浏览器尚未获准显示通知。请关闭后重新打开此选项，并选择允许。",
    notify_sound: "播放提示音",
    notify_badge: "在已安装页面的图标上显示未读消息数",
    badge_missing: "此浏览器无法在图标上显示数字，未读数显示在标签页标题中。",
    message_in: |name, room| format!("{name} · {room}"),
    mentioned_in: |name, room| format!("{name} 在 {room} 中提到了你"),
};
