//! Messages in 简体中文.

use super::Common;

pub const TEXT: Common = Common {
    rooms: "房间",
    your_name: "您的名字",
    name_hint: "房间里的其他人会看到。保存在此浏览器中。",
    copied: "已复制",
    copy_failed: "复制失败，请手动复制",
    share: "分享",
    copy_link: "复制链接",
    share_by: "其他应用…",
    close: "关闭",
    qr_code: "下方链接的二维码",
    qr_hint: "用手机扫描二维码，即可在手机上打开链接。",
    local_link: "此链接只能在本机使用。要分享给他人，请用服务器的网络地址打开 Weir。",
    no_server: "还没有服务器",
    no_server_text: "此页面不是从 Weir 服务器打开的，请填写服务器的地址。",
    change_server: "更改服务器地址",
    use_foreign: "使用其他服务器？",
    use_foreign_text: "打开此页面的链接指定了这台服务器，它不是此页面自己的服务器。它会得到您的名字和您发布的内容，并知道谁和您在同一个房间。请仅在信任其管理者时继续。",
    use_server: "使用这台服务器",
    framed: "Weir 不会在其他网站内打开此页面。",
    open_in_tab: "在新标签页中打开",
    colon: "：",
    comma: "、",
};
