//! What is deleted by itself: rooms that were left long ago, to make room for others, and folders that earlier clients have left.

use testkit::browser::TestBrowser;

use crate::kept_messages::stored;
use crate::rooms::{join, link_is, send_message};
use crate::server;

const OPEN: &str = "
    const answer = request => new Promise((done, failed) => {
        request.onsuccess = () => done(request.result); request.onerror = failed;
    });
    const messages = await answer(indexedDB.open('weir conversations', 1));
    const files = await answer(indexedDB.open('weir files', 1));
    const root = await navigator.storage.getDirectory();
";
const CLOSE: &str = "messages.close(); files.close();";

#[tokio::test(flavor = "multi_thread")]
async fn the_room_left_longest_ago_makes_room_with_all_that_is_kept_of_it_and_it_is_said() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    join(&browser, &server, "old", "Ann").await;
    send_message(&browser, "long ago").await;
    stored(&browser, 1).await;
    browser.click("#leave").await;
    browser.open(&server.url("/#/rooms")).await;
    browser
        .until("the page is there", "document.querySelector('#join')")
        .await;
    let room = format!("{} old", server.url);
    let fill = format!(
        "{OPEN}
         const rooms = messages.transaction('rooms', 'readwrite').objectStore('rooms');
         const room = JSON.parse(await answer(rooms.get('weir room {room}')));
         room.bytes = 50e6; room.saved = 1;
         await answer(rooms.put(JSON.stringify(room), 'weir room {room}'));
         const file = ['weir files {room}', '0000000000000001', 7];
         await answer(files.transaction('records', 'readwrite').objectStore('records').put('complete 3 - a.bin', file));
         await answer(files.transaction('pieces', 'readwrite').objectStore('pieces').put(new Blob(['abc']), [...file, 0]));
         localStorage.setItem('weir draft {room}', 'half');
         localStorage.setItem('weir offers {room}', '7 withdrawn');
         for (const name of ['weir-1', 'other']) {{
             const folder = await root.getDirectoryHandle(name, {{ create: true }});
             await folder.getFileHandle('1', {{ create: true }});
         }}
         {CLOSE}"
    );
    browser.run(&fill).await;

    browser.open(&server.url("/#/room/new")).await;
    link_is(&browser, "joined").await;
    let said = "document.querySelector('#deleted-rooms')?.textContent.endsWith(': old')";
    browser.until("it says so", said).await;
    let left = format!(
        "(async () => {{
             {OPEN}
             const room = await answer(messages.transaction('rooms').objectStore('rooms').get('weir room {room}'));
             const records = await answer(files.transaction('records').objectStore('records').count());
             const pieces = await answer(files.transaction('pieces').objectStore('pieces').count());
             const folders = []; for await (const name of root.keys()) folders.push(name);
             {CLOSE}
             const beside = ['draft', 'offers'].some(what => localStorage.getItem(`weir ${{what}} {room}`));
             return !room && !records && !pieces && !beside && String(folders) == 'other';
         }})()"
    );
    browser.until("nothing of it is left", &left).await;
    browser.screenshot("room-deleted-rooms").await;
}
