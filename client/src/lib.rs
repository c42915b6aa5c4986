//! Weir's browser client: a gallery of streams, a player, a page to publish from, a canvas, code to embed, rooms, the connection test, settings.
//!
//! | module | holds | runs natively too |
//! |---|---|---|
//! | [`state`] | pure rules: routes, server choice, the state machine of a session, figures, filters | yes, and is tested there |
//! | [`i18n`] | all text, English and 简体中文 | yes |
//! | [`rtc`] | the browser's WebRTC objects; dropping closes them | SDP only |
//! | [`http`] | requests to the server | no |
//! | `hooks` | signals over all of these | no |
//! | `components`, `pages` | views | no |
//!
//! Imports run one way: `pages -> components -> hooks -> {rtc, state, i18n} -> http -> shared`.
//!
//! # Selectors for tests in a browser
//!
//! | selector | meaning, or values of the attribute |
//! |---|---|
//! | `#player[data-state]` | `stopped`, `connecting`, `playing` (a frame was shown), `unsteady`, `waiting`, `reconnecting`, `ended`, `failed` |
//! | `#player[data-still][data-idle]` | `true`: the last frame is shown while the next one is awaited; the controls are faded |
//! | `.last-frame`, `.audio-face` | the last frame; the name and the level of a stream without a picture |
//! | `#video`, `#state`, `#reason` | the video, its status as text, the reason when there is one |
//! | `#start`, `#unmute`, `#try-now`, `#watch-again`, `#try-again`, `#copy-problem` | buttons over the video |
//! | `#toggle`, `#mute`, `#volume`, `#show-statistics`, `#pip`, `#fullscreen` | controls of the player |
//! | `#delivery`, `#viewers` | below the player |
//! | `#share`, `#share-sheet .qr-code`, `.address`, `#copy-link`, `#share-system` | the button and the sheet that share a stream or a room |
//! | `#statistics [data-figure]`, `#copy-statistics`, `#show-keys`, `#close-statistics` | over the player: `bitrate`, `fps`, `round-trip`, `jitter`, `loss`, `freezes`, `codec`, `resolution`, `pair`, `jitter-buffer`, `retransmitted`, `packets-lost` |
//! | `#streams [data-stream=NAME][data-state]` | cards: `probing`, `idle`, `running`, `failed` |
//! | `#streams .broken [data-stream=NAME]`, `#search`, `#copy-command` | streams that cannot be played; the search; the command of an empty gallery |
//! | `#announced` | the title of the page after a navigation, for screen readers |
//! | `[data-state]` of `.state` | `loading`, `empty`, `error`, `no-server`, `not-found`; of `.notice` `lost`, `bad-server`, `other-server`, `other-server-off`; of `.card` `foreign-server`, `framed` |
//! | `#trust-server`, `#ask-again` | agree to a foreign server; take that back, in the settings |
//! | `#keys` | the dialog with the keys |
//! | `#stage[data-state]` | the page to publish from: `idle`, `asking`, `preview`, `connecting`, `live`, `weak`, `recovering`, `blocked`, `stopped` |
//! | `#turn-on`, `#file`, `#go-live`, `#stop`, `#mute`, `#try-now`, `#try-again`, `#take-over` | its buttons |
//! | `input[name=source]`, `#camera`, `#microphone`, `#quality`, `#content`, `#stream-name`, `#key` | its fields: `camera`, `microphone`, `screen`, `file` |
//! | `#level`, `#silent`, `#capture-problem`, `#uplink [data-figure]`, `#warnings`, `#sent`, `#viewers` | its level, notices and figures |
//! | `#canvas-player[data-state]`, `#stop`, `#canvas`, `#grey`, `#invert`, `#edges`, `#mirror`, `#histogram`, `#save-image`, `#render-cost` | the canvas page |
//! | `#code-frame`, `#code-lines`, `#code-page`, `#copy-...`, `#preview`, `#open-page` | the embed page |
//! | `#server-used[data-source]`, `#server`, `#save-server`, `#test-server`, `#server-result`, `#ice`, `#save-ice`, `#ice-used`, `#relay-only`, `#own-name` | settings |
//! | `#name`, `#room`, `#join`, `#form-error`, `#recent-rooms` | the lobby; `#name` and `#join` also wherever a room asks for a name |
//! | `main.room[data-link][data-tab]` | `claiming`, `connecting`, `joined`, `lost`, `elsewhere` (in another tab), `refused`, `left`; `unnamed` without `.room`. `#tab-chat`, `#tab-people`, `#tab-files` on a phone |
//! | `#copy-invite`, `#leave`, `#rename`, `#name-error`, `#retry`, `#rejoin`, `#reload`, `#reason`, `#open-room` in the bar | actions in a room, and when it is not joined |
//! | `.person[data-name][data-path]`, `.code-digits` | `connecting`, `direct`, `relayed`, `broken`, `failed`; safety codes |
//! | `.message-log`, `.chat-message`, `.chat-message.own[data-ticks]`, `.bubble`, `.show-all`, `.note`, `.beginning`, `.divider.unread`, `#new-messages`, `.typing` | the conversation; `waiting`, `some`, `all` |
//! | `#storage-full`, `#kept-partly`, `#not-kept` | messages of this room are not kept, or only the newest |
//! | `#message`, `#send`, `#attach`, `#file-input`, `.length-warning`, `.drop-target` | the field for messages; `#file-input` accepts files |
//! | `#attached-files > li[data-name]` | files that are sent with the message |
//! | `.file[data-name][data-stage]` in `.chat-message` and in `#files` | `offered`, `requested`, `running`, `paused`, `complete`, `stopped`, `cancelled`, `missing`, `left`, `corrupt`, `failed`, `unanswered`, `withdrawn`; `.get`, `.cancel`, `.save`, `.withdraw`, `.attach-again` (`#again-input` accepts files), `img.shared-image` |
//! | `#kept`, `#delete-kept` | how much was received, and the button that deletes it |
//! | `#run-test`, `.check[data-kind][data-outcome]`, `#test-result[data-reachability]`, `#copy-report` | the connection test; `everybody`, `most`, `local-network`, `nobody` |
//! | `#language`, `#server-state[data-state]` | in the bar; `asking`, `online`, `offline` |
//! | `#shell`, `#shell.blocked`, `#shell.old`, `#stopped` | of index.html: before the client is mounted, and after it has stopped |
//!
//! `?stream=NAME` opens the watch page of a stream, with `&embed=1` the player alone; `?server=URL` names the server.

mod app;
#[allow(
    unreachable_pub,
    reason = "Leptos writes `pub` into what its component macro makes"
)]
#[allow(
    clippy::redundant_closure,
    reason = "Leptos gives closures that stand in a view one type, which keeps the bundle small"
)]
mod components;
mod hooks;
pub mod http;
pub mod i18n;
#[allow(unreachable_pub, clippy::redundant_closure, reason = "as above")]
mod pages;
pub mod rtc;
pub mod state;

pub use app::mount;
