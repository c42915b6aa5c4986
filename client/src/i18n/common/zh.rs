//! 简体中文.

use super::Common;

/// The column.
pub const TEXT: Common = Common {
    rooms: "房间",
    your_name: "您的名字",
    name_hint: "其他人看到的名字，保存在此浏览器中。",
    copied: "已复制",
    copy_failed: "请手动选择并复制",
    no_server: "还没有服务器",
    no_server_text: "此页面不是从 Weir 服务器打开的，请告诉它服务器在哪里。",
    change_server: "更改服务器地址",
};
