//! What is served while the page is not built: a player of plain JavaScript, which says how to get the page and gives way to it.

use std::path::Path;

use super::build::INDEX;
use super::escape;

const PLAYER: &str = include_str!("../../../../assets/embed.html");
/// In [`PLAYER`].
const END: &str = "</main>";

/// The player of `assets/embed.html`, below it how to build the page. `dist` is where that is looked for.
pub(super) fn player(dist: &Path) -> String {
    let index = escape(&dist.join(INDEX).display().to_string());
    let notice = format!(
        "<p>This is a plain player. The whole page, with rooms, files and statistics, is not built yet. \
        If <code>cargo xtask run</code> is building it, wait about a minute: it then replaces this one by itself. \
        Otherwise run <code>cargo xtask bundle</code> or <code>trunk build --release</code> in the project's folder. \
        <a href=\"/api/streams\">/api/streams</a> lists the streams.</p>\
        <p lang=\"zh-CN\">这是简易播放器。带有聊天室、文件和统计信息的完整页面尚未构建。\
        如果 <code>cargo xtask run</code> 正在构建，请等待约一分钟，完整页面会自动替换此页面。\
        否则请在项目文件夹中运行 <code>cargo xtask bundle</code> 或 <code>trunk build --release</code>。\
        视频流列表：<a href=\"/api/streams\">/api/streams</a>。</p>\
        <p><code>{index}</code></p>{END}{WAIT}"
    );
    PLAYER.replacen(END, &notice, 1)
}

/// Only a page that is built has an entity tag.
const WAIT: &str = r#"
<script>
  setInterval(async () => {
    const page = await fetch("", { method: "HEAD", cache: "no-store" }).catch(() => null);
    if (page && page.headers.has("ETag")) location.reload();
  }, 2000);
</script>"#;
