//! How to put a stream on another page: three ways, each with its code.

use crate::components::reactive::click_handler;
use crate::hooks::language::use_language;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::components::copy_button::CopyButton;
use crate::components::stream_chooser::StreamChooser;
use crate::hooks::save::save_as;
use crate::hooks::server::use_server;
use crate::hooks::share_link::stream_link;
use crate::hooks::window::use_title;
use crate::http;
use crate::i18n::Text;
use crate::state::route::{Route, encode};

/// The page to copy, beside this one. It is not part of the module: few ever look at it.
const PAGE: &str = "embed.html";
const SERVER_ATTRIBUTE: &str = "data-server=\"\"";
const STREAM_ATTRIBUTE: &str = "data-stream=\"\"";

const TWENTY_LINES: &str = r#"<video id="video" autoplay muted playsinline controls></video>
<script type="module">
  const pc = new RTCPeerConnection();
  const video = document.getElementById("video");
  pc.ontrack = (event) => video.srcObject = event.streams[0];
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.addTransceiver("audio", { direction: "recvonly" });
  const offer = await pc.createOffer();
  await pc.setLocalDescription(offer);
  const response = await fetch("SERVER/offer?stream=STREAM", {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: offer.sdp,
  });
  if (!response.ok) throw new Error((await response.json()).error);
  const sdp = await response.text();
  await pc.setRemoteDescription({ type: "answer", sdp });
</script>
"#;

#[component]
pub(crate) fn Embed(name: Option<String>) -> impl IntoView {
    let language = use_language();
    use_title(move || language.text().embed.to_owned());
    view! {
        <main class="page narrow" id="main">
            <div>
                <h1>{language.localized(|text| text.embed_title)}</h1>
                <p class="quiet">{language.localized(|text| text.embed_text)}</p>
            </div>
            <StreamChooser
                name
                with_video=false
                page=Route::Embed
                none=|text| text.no_streams_embed
                show=|name| view! { <EmbedOptions name /> }.into_any()
            />
        </main>
    }
}

#[component]
fn EmbedOptions(name: String) -> impl IntoView {
    let chosen = use_server();
    let language = use_language();
    let server = move || chosen.get().map(|server| server.base).unwrap_or_default();
    let frame = {
        let name = name.clone();
        Signal::derive(move || {
            format!(
                "<iframe src=\"{}\" title=\"{}\" width=\"640\" height=\"360\" style=\"border:0\"\n  allow=\"autoplay; fullscreen; picture-in-picture\"></iframe>",
                escape(&stream_link(chosen, &name, true)),
                escape(&name)
            )
        })
    };
    let lines = {
        let name = name.clone();
        Signal::derive(move || {
            TWENTY_LINES
                .replace("SERVER", &server())
                .replace("STREAM", &encode(&name))
        })
    };
    let fetched = RwSignal::new(String::new());
    spawn_local(async move {
        if let Ok(text) = http::get_text(PAGE).await {
            // Another page may have been opened meanwhile.
            let _ = fetched.try_set(text);
        }
    });
    let page = {
        let name = name.clone();
        Signal::derive(move || {
            let server = format!("data-server=\"{}\"", escape(&server()));
            let stream = format!("data-stream=\"{}\"", escape(&name));
            let page = fetched.get().replace(SERVER_ATTRIBUTE, &server);
            page.replace(STREAM_ATTRIBUTE, &stream)
        })
    };
    let preview = RwSignal::new(false);
    let source = {
        let name = name.clone();
        move || stream_link(chosen, &name, true)
    };
    let file = {
        let name = name.clone();
        move || {
            format!(
                "{PAGE}?server={}&stream={}",
                encode(&server()),
                encode(&name)
            )
        }
    };
    view! {
        <section class="card embed-option" id="option-iframe">
            <h2>{language.localized(|text| text.iframe)}</h2>
            <p class="quiet">{language.localized(|text| text.iframe_text)}</p>
            <Code code=frame id="code-frame" name=|text| text.iframe />
            <div class="row">
                <CopyButton id="copy-frame" text=frame label=Signal::derive(move || language.text().copy) />
                <button
                    class="button plain"
                    id="preview"
                    aria-pressed=move || preview.get().to_string()
                    on:click=click_handler(move || preview.update(|shown| *shown = !*shown))
                >
                    {language.localized(|text| text.show_preview)}
                </button>
            </div>
            {move || {
                preview.get().then(|| {
                    view! {
                        <iframe
                            class="preview"
                            src=source()
                            title=language.localized(|text| text.preview)
                            allow="autoplay; fullscreen; picture-in-picture"
                        ></iframe>
                    }
                })
            }}
        </section>
        <section class="card embed-option" id="option-lines">
            <h2>{language.localized(|text| text.twenty_lines)}</h2>
            <p class="quiet">{language.localized(|text| text.twenty_lines_text)}</p>
            <Code code=lines id="code-lines" name=|text| text.twenty_lines />
            <div class="row">
                <CopyButton id="copy-lines" text=lines label=Signal::derive(move || language.text().copy) />
            </div>
        </section>
        <section class="card embed-option" id="option-page">
            <h2>{language.localized(|text| text.complete_page)}</h2>
            <p class="quiet">{language.localized(|text| text.complete_page_text)}</p>
            <Code code=page id="code-page" name=|text| text.complete_page />
            <div class="row">
                <CopyButton id="copy-page" text=page label=Signal::derive(move || language.text().copy) />
                <button class="button plain" id="download-page" on:click=click_handler(move || download(&page.get_untracked()))>
                    {language.localized(|text| text.download)}
                </button>
                <a class="button plain" id="open-page" href=file target="_blank" rel="noopener">
                    {language.localized(|text| text.open)}
                </a>
            </div>
        </section>
    }
}

/// Focusable, so that the keyboard can scroll it.
#[component]
fn Code(
    code: Signal<String>,
    id: &'static str,
    /// Its label for screen readers.
    name: fn(&'static Text) -> &'static str,
) -> impl IntoView {
    let language = use_language();
    view! {
        <pre class="code" tabindex="0" role="region" aria-label=language.localized(name)><code id=id>{code}</code></pre>
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

/// Saves text as a file.
fn download(text: &str) {
    let parts = js_sys::Array::of1(&text.into());
    let kind = web_sys::BlobPropertyBag::new();
    kind.set_type("text/html;charset=utf-8");
    let Ok(blob) = web_sys::Blob::new_with_str_sequence_and_options(&parts, &kind) else {
        return;
    };
    save_as(&blob, "weir-embed.html");
}
