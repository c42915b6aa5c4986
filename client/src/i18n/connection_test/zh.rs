//! Messages in 简体中文.

use super::ConnectionTest;

pub const TEXT: ConnectionTest = ConnectionTest {
    title: "连接诊断",
    intro: "逐一尝试房间里的两个人从此浏览器、此网络互相连接的各种方式。只需几秒钟，不会联系其他人。",
    run: "开始诊断",
    run_again: "重新诊断",
    running_test: "正在诊断…",
    settings: "设置",
    copy_report: "复制报告",

    // Checks
    checks: "检查项目",
    server: "服务器（HTTP）",
    signaling: "信令通道（WebSocket）",
    local: "此浏览器的 WebRTC",
    stun: "公网地址（STUN）",
    turn_udp: "UDP 中继（TURN）",
    turn_tcp: "TCP 中继（TURN）",
    relay_loop: "经中继传送数据",

    // Outcomes
    running: "正在检测…",
    works: |ms| format!("可用，{ms} 毫秒"),
    no_candidate: "没有公网地址：没有 NAT，或无响应",
    no_answer: "无响应",
    refused: |code| match code {
        401 | 403 | 441 => format!("用户名或密码被拒绝（{code}）"),
        486 | 508 => format!("中继已满（{code}）"),
        _ => format!("被拒绝（{code}）"),
    },

    // Summary
    everybody: "您可以连接任何人：能直连时直连，不能时经中继。",
    most: "您可以直接连接大多数人。有些网络需要中继，而目前没有可用的中继。",
    local_network: "您可以连接同一网络里的人，其他人几乎无法连接。",
    nobody: "您目前无法连接任何人。",
    nat: "您的 NAT",
    nat_none: "没有 NAT：公网地址就是此设备的地址。",
    nat_endpoint_independent: "对所有目标使用同一个公网端口（端点无关映射），直连大多可行。",
    nat_symmetric: "对每个目标使用不同的公网端口（对称型）。两个对称型 NAT 之间只能经中继连接。",
    nat_undetermined: "只有一个 STUN 服务器，无法判断类型；再有一个即可判断。",
    nat_unknown: "无法判断：没有 STUN 服务器返回公网地址。",
    addresses: "您的地址",
    hosts_hidden: "浏览器隐藏了此设备的本地地址（mDNS），这没有问题。",
    hosts_shown: "浏览器会把此设备的本地地址发送给其他人。",

    // Recommendations
    recommendations: "建议",
    no_recommendation: "无需任何改动。",
    start_server: "服务器无响应。请启动服务器，或在设置中更正地址。",
    forward_websocket: "服务器有响应，但其 WebSocket /ws 无法打开。服务器前面的代理必须转发 WebSocket 升级请求。",
    allow_webrtc: "此页面内的两个连接无法互通。WebRTC 可能被浏览器或扩展程序禁用。",
    configure_ice_servers: "没有使用任何 STUN 或 TURN 服务器。请启用服务器自带的（--turn），或在设置中填写。",
    fix_credentials: "TURN 服务器不接受用户名或密码。请在设置中更正，或清空该栏以便从服务器重新获取。",
    udp_blocked: "此网络不通 UDP，所有数据都经由 TCP，速度较慢。如有可能，请让网络放行 UDP。",
    all_blocked: "UDP 无响应，也没有可用的 TCP 中继，可能有防火墙。请添加带 ?transport=tcp 的 TURN 服务器（最好使用 443 端口），或换一个网络。",
    loopback: "STUN 和 TURN 服务器就在此设备上，有些浏览器不会访问这样的服务器。请用服务器的网络地址打开此页面，再重新诊断。",
    turn_silent: "没有 TURN 服务器提供中继。请检查地址是否正确、服务器是否在运行、防火墙是否放行其端口。",
    relay_loop_fails: "中继接受了连接，却不转发数据。它可能拒绝私有地址：请在其设置中允许，或为它指定公网地址。",
    relay_only: "已开启“在房间中隐藏我的地址”，但没有可用的中继。请在设置中关闭，或添加 TURN 服务器。",
    add_turn: "请添加 TURN 服务器，以便连接无法直连的网络。",
    symmetric_needs_turn: "两个对称型 NAT 之间需要中继：请添加 TURN 服务器。",
};
