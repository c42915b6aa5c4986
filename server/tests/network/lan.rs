//! The page over plain HTTP on a LAN address, where browsers give it no secure context: no locks, no clipboard, no file system for received files.
//!
//! ```text
//!   Ann, Chromium: 10.78.0.2 --+
//!                              +-- 10.78.0.1: the server
//!   Lin, Firefox:  10.78.0.3 --+
//! ```

use testkit::browser::TestBrowser;
use testkit::netns::Namespaces;

const SERVER: &str = "server";
const ANN: &str = "ann";
const LIN: &str = "lin";
const ORIGIN: &str = "http://10.78.0.1:8000";
const ENTER: &str = "\u{E007}";

/// Notes in the page itself what it does not catch. WebDriver's scripts see other globals in Firefox.
const NOTE_ERRORS: &str = "
    const script = document.createElement('script');
    script.textContent = `
        const note = text => document.documentElement.dataset.errors = (document.documentElement.dataset.errors ?? '') + text + '; ';
        addEventListener('error', event => note(event.message));
        addEventListener('unhandledrejection', event => note(String(event.reason)));
    `;
    document.head.append(script);
";

/// A LAN with the server, which has the clip as `clip`. `None` where namespaces cannot be made.
fn lan() -> Option<Namespaces> {
    let mut lan = Namespaces::build("lan", &[SERVER, ANN, LIN])?;
    lan.set(SERVER, "link add lan type bridge");
    lan.set(SERVER, "addr add 10.78.0.1/24 dev lan");
    lan.set(SERVER, "link set lan up");
    for (host, number) in [(ANN, 2), (LIN, 3)] {
        let port = format!("to-{host}");
        lan.join((SERVER, &port), (host, "lan"));
        lan.set(SERVER, &format!("link set {port} master lan up"));
        lan.set(host, &format!("addr add 10.78.0.{number}/24 dev lan"));
        lan.set(host, "link set lan up");
        lan.set(host, "route add default via 10.78.0.1");
    }
    let clip = format!("clip={}", testkit::CLIP);
    lan.serve(SERVER, &["--dist", testkit::dist(), &clip]);
    Some(lan)
}

/// A browser in the LAN, on the settings page, which notes its errors from then on.
struct Person<'a> {
    lan: &'a Namespaces,
    host: &'static str,
    browser: TestBrowser,
}

impl Person<'_> {
    async fn open(&self) {
        let opened = async {
            self.browser.open(&format!("{ORIGIN}/#/settings")).await;
            let insecure = "!window.isSecureContext && !navigator.locks && !navigator.clipboard";
            self.browser.until("nothing is secure", insecure).await;
            self.browser.run(NOTE_ERRORS).await;
        };
        self.lan.inside(self.host, opened).await;
    }

    async fn go(&self, page: &str) {
        let script = format!("location.hash = '{page}'");
        self.lan.inside(self.host, self.browser.run(&script)).await;
    }

    async fn until(&self, what: &str, expression: &str) {
        let waiting = self.browser.until(what, expression);
        self.lan.inside(self.host, waiting).await;
    }

    async fn click(&self, selector: &str) {
        self.lan
            .inside(self.host, self.browser.click(selector))
            .await;
    }

    async fn fill(&self, selector: &str, text: &str) {
        self.lan
            .inside(self.host, self.browser.fill(selector, text))
            .await;
    }

    async fn join(&self, name: &str) {
        self.go("#/room/lan").await;
        self.fill("#name", name).await;
        self.click("#join").await;
        let joined = "document.querySelector('main.room[data-link=joined]')";
        self.until("the room is entered", joined).await;
    }

    /// Nothing failed without being caught. Then the browser is closed: its driver is reachable from its own namespace only.
    async fn leave_without_errors(self) {
        let Self { lan, host, browser } = self;
        lan.inside(host, async move {
            let errors = browser
                .run("return document.documentElement.dataset.errors ?? ''")
                .await;
            assert_eq!(errors, "", "{host}");
        })
        .await;
    }
}

/// Chromium and Firefox, each on a machine of its own.
async fn people(lan: &Namespaces) -> [Person<'_>; 2] {
    let chromium = lan.inside(ANN, TestBrowser::shared_chromium()).await;
    let firefox = lan.inside(LIN, chromium.and_firefox()).await;
    let people = [(ANN, chromium), (LIN, firefox)];
    let people = people.map(|(host, browser)| Person { lan, host, browser });
    for person in &people {
        person.open().await;
    }
    people
}

#[tokio::test]
async fn over_plain_http_streams_play_and_their_links_are_copied() {
    let Some(lan) = lan() else {
        return;
    };
    for person in people(&lan).await {
        person.go("#/").await;
        let listed = "document.querySelector('a[href=\"#/watch/clip\"]')";
        person.until("the stream is listed", listed).await;
        person.go("#/watch/clip").await;
        let plays = "document.querySelector('video')?.currentTime > 1";
        person.until("the video plays", plays).await;
        person.go("#/embed/clip").await;
        person.click("main button[aria-live]").await;
        let copied = "document.querySelector('main button[aria-live]').innerText == 'Copied'";
        person.until("the code is copied", copied).await;
        person.leave_without_errors().await;
    }
}

#[tokio::test]
async fn over_plain_http_people_talk_and_send_files() {
    let Some(lan) = lan() else {
        return;
    };
    let [ann, lin] = people(&lan).await;
    ann.join("Ann").await;
    lin.join("Lin").await;
    for (person, other) in [(&ann, "Lin"), (&lin, "Ann")] {
        let connected =
            format!("document.querySelector('.person[data-name=\"{other}\"][data-path]')");
        person.until("they are connected", &connected).await;
    }
    for (from, to, text) in [
        (&ann, &lin, "Hello from Ann"),
        (&lin, &ann, "Hello from Lin"),
    ] {
        from.fill("#message", text).await;
        from.fill("#message", ENTER).await;
        let there = format!(
            "[...document.querySelectorAll('.chat-message:not(.own) .bubble')].some(message => message.innerText == '{text}')"
        );
        to.until("the text arrives", &there).await;
    }
    for (from, to, name) in [(&ann, &lin, "ann.bin"), (&lin, &ann, "lin.bin")] {
        let offer = format!(
            "const list = new DataTransfer(); list.items.add(new File([new Uint8Array(300000).fill(7)], '{name}'));
             const field = document.querySelector('#file-input'); field.files = list.files;
             field.dispatchEvent(new Event('change', {{ bubbles: true }}));"
        );
        lan.inside(from.host, from.browser.run(&offer)).await;
        let card = format!("#files .file[data-name=\"{name}\"]");
        to.click(&format!("{card} .get")).await;
        // Its hash was compared.
        let whole = format!(
            "document.querySelector('{card}[data-stage=complete]') &&
             (await (await fetch(document.querySelector('{card} a.save').href)).arrayBuffer()).byteLength == 300000"
        );
        to.until("the file is there", &whole).await;
    }
    for person in [ann, lin] {
        person.leave_without_errors().await;
    }
}
