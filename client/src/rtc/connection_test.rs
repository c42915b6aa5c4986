//! Short-lived connections that find out what a browser can reach from here.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Reflect;
use shared::api::IceServer;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    RtcConfiguration, RtcDataChannelState, RtcIceGatheringState, RtcIceTransportPolicy,
    RtcPeerConnection, RtcPeerConnectionIceEvent, RtcSdpType, WebSocket,
};

use super::listener::Listener;
use super::peer::{description, ice_servers};
use super::timer::{now, sleep};

/// How often it is looked whether something has happened, in milliseconds.
const LOOK_EVERY: i32 = 20;

/// What a connection gathered.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The lines after `a=`.
    pub lines: Vec<String>,
    /// Until the first candidate of the wanted type.
    pub ms: Option<u32>,
    /// The last error: RFC 8656 codes, or 701 when a server was not reached (W3C WebRTC 4.8.1.4).
    pub error: Option<(u16, String)>,
    /// The browser had no more to try when the time was up.
    pub complete: bool,
}

/// Closes itself.
struct Probe {
    connection: RtcPeerConnection,
    found: Rc<RefCell<Gathered>>,
    began: f64,
    _listeners: [Listener; 2],
}

impl Probe {
    fn new(servers: &[IceServer], relay_only: bool, wanted: &'static str) -> Result<Self, JsValue> {
        let configuration = RtcConfiguration::new();
        configuration.set_ice_servers(&ice_servers(servers));
        if relay_only {
            configuration.set_ice_transport_policy(RtcIceTransportPolicy::Relay);
        }
        let connection = RtcPeerConnection::new_with_configuration(&configuration)?;
        let found = Rc::new(RefCell::new(Gathered::default()));
        let began = now();
        let listen = |name: &'static str| {
            let found = Rc::clone(&found);
            Listener::new(&connection, name, move |event| {
                let mut found = found.borrow_mut();
                if name == "icecandidateerror" {
                    let field = |name: &str| Reflect::get(&event, &name.into()).unwrap_or_default();
                    let code = field("errorCode").as_f64().unwrap_or(0.0) as u16;
                    found.error = Some((code, field("errorText").as_string().unwrap_or_default()));
                    return;
                }
                let candidate = event
                    .unchecked_into::<RtcPeerConnectionIceEvent>()
                    .candidate();
                let line = candidate
                    .map(|candidate| candidate.candidate())
                    .filter(|line| !line.is_empty());
                if let Some(line) = line {
                    if found.ms.is_none() && line.contains(wanted) {
                        found.ms = Some(since(began));
                    }
                    found.lines.push(line);
                }
            })
        };
        let listeners = [listen("icecandidate"), listen("icecandidateerror")];
        Ok(Self {
            connection,
            found,
            began,
            _listeners: listeners,
        })
    }

    /// Offers or answers, which begins the gathering.
    async fn describe(&self, kind: RtcSdpType) -> Result<(), JsValue> {
        let made = match kind {
            RtcSdpType::Offer => self.connection.create_offer(),
            _ => self.connection.create_answer(),
        };
        let made = JsFuture::from(made).await?;
        let text = Reflect::get(&made, &"sdp".into())?
            .as_string()
            .unwrap_or_default();
        JsFuture::from(
            self.connection
                .set_local_description(&description(kind, &text)),
        )
        .await
        .map(drop)
    }

    /// Until `enough`, the browser has no more, or the time is up.
    async fn wait(&self, within: f64, enough: impl Fn(&Gathered) -> bool) {
        while now() < self.began + within && !enough(&self.found.borrow()) {
            if self.connection.ice_gathering_state() == RtcIceGatheringState::Complete {
                self.found.borrow_mut().complete = true;
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Hands our description, with the candidates in it, to the other side.
    async fn tell(&self, other: &Self, kind: RtcSdpType) -> Result<(), JsValue> {
        let text = self
            .connection
            .local_description()
            .map(|local| local.sdp())
            .unwrap_or_default();
        JsFuture::from(
            other
                .connection
                .set_remote_description(&description(kind, &text)),
        )
        .await
        .map(drop)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.connection.close();
    }
}

fn since(began: f64) -> u32 {
    // A cast saturates.
    (now() - began).round() as u32
}

/// What these servers bring. `wanted` is how the line of a candidate reads that is enough; empty: everything is waited for.
pub async fn gather(
    servers: &[IceServer],
    relay_only: bool,
    wanted: &'static str,
    within: f64,
) -> Gathered {
    let Ok(probe) = Probe::new(servers, relay_only, wanted) else {
        return Gathered::default();
    };
    probe.connection.create_data_channel("doctor");
    if probe.describe(RtcSdpType::Offer).await.is_ok() {
        probe
            .wait(within, |found| !wanted.is_empty() && found.ms.is_some())
            .await;
    }
    probe.found.take()
}

/// Connects two ends within this page. Milliseconds until a data channel is open.
pub async fn connect(servers: &[IceServer], relay_only: bool, within: f64) -> Option<u32> {
    let one = Probe::new(servers, relay_only, "typ").ok()?;
    let other = Probe::new(servers, relay_only, "typ").ok()?;
    let channel = one.connection.create_data_channel("doctor");
    let through = async {
        one.describe(RtcSdpType::Offer).await?;
        one.wait(within, |found| relay_only && found.ms.is_some())
            .await;
        one.tell(&other, RtcSdpType::Offer).await?;
        other.describe(RtcSdpType::Answer).await?;
        other
            .wait(within, |found| relay_only && found.ms.is_some())
            .await;
        other.tell(&one, RtcSdpType::Answer).await
    };
    through.await.ok()?;
    while now() < one.began + within {
        if channel.ready_state() == RtcDataChannelState::Open {
            return Some(since(one.began));
        }
        sleep(LOOK_EVERY).await;
    }
    None
}

/// Opens a WebSocket and closes it. Milliseconds until it was open.
pub async fn socket(url: &str, within: f64) -> Option<u32> {
    let (began, socket) = (now(), WebSocket::new(url).ok()?);
    while socket.ready_state() == WebSocket::CONNECTING && now() < began + within {
        sleep(LOOK_EVERY).await;
    }
    let open = socket.ready_state() == WebSocket::OPEN;
    // Fails only for a code that is not allowed.
    let _ = socket.close();
    open.then(|| since(began))
}
