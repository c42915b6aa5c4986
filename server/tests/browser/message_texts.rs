//! What texts have besides words: code, links, one's own name.

use crate::rooms::ann_and_lin;
use crate::server;

#[tokio::test(flavor = "multi_thread")]
async fn code_links_and_mentions_are_shown_as_such() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "texts").await;
    ann.run_in_page(
        r#"const field = document.getElementById('message');
        field.value = 'Lin, `cargo run`, then weir.example/a or ann@weir.example, not main.rs:\n```\nfn main() {}\n  // <b>http://a.b</b>\n```\nOK?';
        field.dispatchEvent(new Event('input', { bubbles: true }));
        field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));"#,
    )
    .await;
    lin.until(
        "the message is there",
        "document.querySelector('.bubble pre')",
    )
    .await;
    let script = "const text = selector => [...document.querySelectorAll('.bubble ' + selector)].map(element => element.href ?? element.textContent);
        return [text('pre'), text('code'), text('a'), document.querySelectorAll('.mention').length]";
    assert_eq!(
        lin.run(script).await,
        serde_json::json!([
            ["fn main() {}\n  // <b>http://a.b</b>"],
            ["cargo run"],
            ["https://weir.example/a", "mailto:ann@weir.example"],
            1
        ])
    );
    let of_ann = "return document.querySelectorAll('.mention').length";
    assert_eq!(ann.run(of_ann).await, 0, "not one's own message");
    lin.screenshot("room-texts").await;
}
