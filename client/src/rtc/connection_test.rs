//! Short-lived connections that test which servers the browser can reach.

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

use super::dictionary::{description, ice_servers};
use super::listener::Listener;
use super::timer::{now, sleep};

/// The interval at which states are polled.
const POLL_MS: i32 = 20;

/// The result of gathering candidates.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The text after `a=` of each candidate.
    pub lines: Vec<String>,
    /// Milliseconds until the first candidate of the wanted type.
    pub ms: Option<u32>,
    /// The last error: codes of RFC 8489 and RFC 8656, or 701 when a server was not reached (W3C WebRTC 4.8.1.4).
    pub error: Option<(u16, String)>,
    /// Gathering was complete before the timeout.
    pub complete: bool,
}

/// Closes the connection when dropped.
struct TestConnection {
    connection: RtcPeerConnection,
    found: Rc<RefCell<Gathered>>,
    began: f64,
    _listeners: [Listener; 2],
}

impl TestConnection {
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
                        found.ms = Some(elapsed_ms(began));
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

    /// Sets an offer or an answer as local description, which starts to gather candidates.
    async fn set_local(&self, kind: RtcSdpType) -> Result<(), JsValue> {
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

    /// Waits for `enough`, the end of gathering or the timeout.
    async fn wait(&self, timeout_ms: f64, enough: impl Fn(&Gathered) -> bool) {
        while now() < self.began + timeout_ms && !enough(&self.found.borrow()) {
            if self.connection.ice_gathering_state() == RtcIceGatheringState::Complete {
                self.found.borrow_mut().complete = true;
                return;
            }
            sleep(POLL_MS).await;
        }
    }

    /// Sets the local description, with its candidates, as the remote description of `other`.
    async fn send_description(&self, other: &Self, kind: RtcSdpType) -> Result<(), JsValue> {
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

impl Drop for TestConnection {
    fn drop(&mut self) {
        self.connection.close();
    }
}

fn elapsed_ms(began: f64) -> u32 {
    // The cast saturates.
    (now() - began).round() as u32
}

/// Gathers candidates with `servers` until one contains the text `wanted`. Empty: until gathering is complete.
pub async fn gather_candidates(
    servers: &[IceServer],
    relay_only: bool,
    wanted: &'static str,
    timeout_ms: f64,
) -> Gathered {
    let Ok(test) = TestConnection::new(servers, relay_only, wanted) else {
        return Gathered::default();
    };
    test.connection.create_data_channel("doctor");
    if test.set_local(RtcSdpType::Offer).await.is_ok() {
        test.wait(timeout_ms, |found| !wanted.is_empty() && found.ms.is_some())
            .await;
    }
    test.found.take()
}

/// Connects two peers within this page. Milliseconds until a data channel is open; `None` at the timeout.
pub async fn connect_loopback(
    servers: &[IceServer],
    relay_only: bool,
    timeout_ms: f64,
) -> Option<u32> {
    let one = TestConnection::new(servers, relay_only, "typ").ok()?;
    let other = TestConnection::new(servers, relay_only, "typ").ok()?;
    let channel = one.connection.create_data_channel("doctor");
    let through = async {
        one.set_local(RtcSdpType::Offer).await?;
        one.wait(timeout_ms, |found| relay_only && found.ms.is_some())
            .await;
        one.send_description(&other, RtcSdpType::Offer).await?;
        other.set_local(RtcSdpType::Answer).await?;
        other
            .wait(timeout_ms, |found| relay_only && found.ms.is_some())
            .await;
        other.send_description(&one, RtcSdpType::Answer).await
    };
    through.await.ok()?;
    while now() < one.began + timeout_ms {
        if channel.ready_state() == RtcDataChannelState::Open {
            return Some(elapsed_ms(one.began));
        }
        sleep(POLL_MS).await;
    }
    None
}

/// Opens a WebSocket and closes it. Milliseconds until it was open; `None` at the timeout.
pub async fn open_socket(url: &str, timeout_ms: f64) -> Option<u32> {
    let (began, socket) = (now(), WebSocket::new(url).ok()?);
    while socket.ready_state() == WebSocket::CONNECTING && now() < began + timeout_ms {
        sleep(POLL_MS).await;
    }
    let open = socket.ready_state() == WebSocket::OPEN;
    // Fails only for an invalid close code.
    let _ = socket.close();
    open.then(|| elapsed_ms(began))
}
