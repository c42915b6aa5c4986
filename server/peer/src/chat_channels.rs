//! The data channels that carry the chat with one peer: which they are, and on which of them frames are sent, is decided by [`shared::chat_channels`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::chat::{CHANNEL, ChatFrame, MAX_FRAME};
use shared::chat_channels::ChatChannels;
use shared::plain_text::plain_text;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelMessage};
use webrtc::error::Error;
use webrtc::peer_connection::PeerConnection;

use crate::peer_link::{LinkEvent, LinkEventSender};
use crate::startup::Startup;

/// A foreign peer that opens a channel of its own has announced it by then. werift gives that an odd id when it offers, also as DTLS client (RFC 8832 6
/// has even ones), so a channel of this side that is announced at the same time would have the same id.
const IN_BAND_AFTER: Duration = Duration::from_millis(250);

/// The interval of looking whether what was sent has arrived.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

const NEGOTIATED: usize = 0;
const IN_BAND: usize = 1;

pub(crate) struct ChatLink {
    state: Mutex<ChatState>,
    /// The other side is a client of this repository, which acknowledges every message.
    native: bool,
    /// Channels of this side.
    own: usize,
    /// The negotiated channel is open.
    connected: Notify,
    startup: Arc<Startup>,
    events: LinkEventSender,
}

#[derive(Default)]
struct ChatState {
    rules: ChatChannels,
    /// By the numbers of `rules`.
    channels: BTreeMap<usize, Arc<dyn DataChannel>>,
    /// [`LinkEvent::Open`] was emitted.
    opened: bool,
}

/// One channel, and its number.
pub(crate) struct NumberedChannel {
    number: usize,
    channel: Arc<dyn DataChannel>,
}

impl ChatLink {
    /// With the negotiated channel, which is to be read. A foreign peer gets another in band ([`Self::open_in_band`]).
    pub(crate) fn new(
        channel: Arc<dyn DataChannel>,
        native: bool,
        startup: Arc<Startup>,
        events: LinkEventSender,
    ) -> (Arc<Self>, NumberedChannel) {
        let mut rules = ChatChannels::default();
        let number = rules.add();
        if !native {
            rules.add();
        }
        let link = Self {
            native,
            own: if native { 1 } else { 2 },
            connected: Notify::new(),
            state: Mutex::new(ChatState {
                rules,
                channels: [(number, channel.clone())].into(),
                opened: false,
            }),
            startup,
            events,
        };
        (Arc::new(link), NumberedChannel { number, channel })
    }

    /// Opens a channel in band (RFC 8832) unless it has become clear which one the other side uses, and reads it to its end.
    pub(crate) async fn open_in_band(self: Arc<Self>, pc: Arc<dyn PeerConnection>) {
        self.connected.notified().await;
        sleep(IN_BAND_AFTER).await;
        let is_needed = self.lock().rules.is_unclear(self.own);
        let channel = match is_needed {
            true => pc.create_data_channel(CHANNEL, None).await.ok(),
            false => None,
        };
        let Some(channel) = channel else {
            return self.on_closed(IN_BAND).await;
        };
        self.lock().channels.insert(IN_BAND, channel.clone());
        let number = IN_BAND;
        self.read(NumberedChannel { number, channel }).await;
    }

    /// A channel that the other side has opened, to be read. `None`: it has too many, and this one is closed.
    pub(crate) async fn accept(&self, channel: Arc<dyn DataChannel>) -> Option<NumberedChannel> {
        let number = {
            let mut state = self.lock();
            let number = state.rules.accept(self.own);
            if let Some(number) = number {
                state.channels.insert(number, channel.clone());
            }
            number
        };
        let Some(number) = number else {
            drop(channel.close().await);
            return None;
        };
        self.report_open().await;
        Some(NumberedChannel { number, channel })
    }

    /// Reads a channel to its end.
    pub(crate) async fn read(self: Arc<Self>, channel: NumberedChannel) {
        let NumberedChannel { number, channel } = channel;
        while let Some(event) = channel.poll().await {
            match event {
                DataChannelEvent::OnOpen => {
                    self.startup.finish();
                    if number == NEGOTIATED {
                        self.connected.notify_one();
                    }
                    self.lock().rules.on_open(number);
                    self.report_open().await;
                }
                DataChannelEvent::OnMessage(message) if message.data.len() <= MAX_FRAME => {
                    self.lock().rules.on_message(number);
                    self.report_open().await;
                    match parse(&message) {
                        Some(event) => self.events.emit(event).await,
                        None => tracing::debug!("an unknown frame was ignored"),
                    }
                }
                DataChannelEvent::OnClose => break,
                _ => {}
            }
        }
        self.on_closed(number).await;
    }

    async fn on_closed(&self, number: usize) {
        self.lock().rules.on_closed(number);
        if self.lock().rules.is_over() {
            self.events.emit(LinkEvent::Closed(None)).await;
        } else {
            // It may have been the one that was waited for.
            self.report_open().await;
        }
    }

    /// Emits [`LinkEvent::Open`] once what is sent reaches the other side.
    async fn report_open(&self) {
        let opens = {
            let mut state = self.lock();
            let opens = !state.opened && state.rules.is_ready();
            state.opened |= opens;
            opens
        };
        if opens {
            self.events.emit(LinkEvent::Open).await;
        }
    }

    /// Sends frames until no channel takes any more.
    pub(crate) async fn write(self: Arc<Self>, mut frames: mpsc::Receiver<ChatFrame>) {
        // The newest message whose arrival is to be reported.
        let mut written = None;
        loop {
            let frame = tokio::select! {
                frame = frames.recv() => frame,
                () = self.drained(), if written.is_some() => {
                    if let Some(number) = written.take() {
                        self.events.emit(LinkEvent::Drained(number)).await;
                    }
                    continue;
                }
            };
            let Some(frame) = frame else { return };
            let Ok(text) = serde_json::to_string(&frame) else {
                continue;
            };
            if let ChatFrame::Message(message) = &frame
                && !self.native
            {
                written = Some(message.number);
            }
            let mut is_lost = true;
            for channel in self.receivers() {
                match channel.send_text(&text).await {
                    Ok(()) => is_lost = false,
                    // The other side limits messages to fewer bytes; sending the frame again would not help.
                    Err(Error::ErrOutboundPacketTooLarge) => {
                        tracing::debug!("a frame is too long for the other side");
                        is_lost = false;
                    }
                    Err(error) => tracing::debug!(%error, "a frame was not sent"),
                }
            }
            if is_lost {
                return;
            }
        }
    }

    /// Waits until the SCTP of the other side has acknowledged everything.
    async fn drained(&self) {
        loop {
            let channels = self.receivers();
            let mut bytes = usize::from(channels.is_empty());
            for channel in channels {
                // A channel that is closed acknowledges nothing any more.
                bytes += channel.outstanding_bytes().await.unwrap_or(1);
            }
            if bytes == 0 {
                return;
            }
            sleep(DRAIN_INTERVAL).await;
        }
    }

    /// Bytes that the channels have not sent yet.
    pub(crate) async fn outstanding_bytes(&self) -> usize {
        let mut bytes = 0;
        for channel in self.receivers() {
            bytes += channel.outstanding_bytes().await.unwrap_or(0);
        }
        bytes
    }

    fn receivers(&self) -> Vec<Arc<dyn DataChannel>> {
        let state = self.lock();
        let numbers = state.rules.receivers();
        let channels = numbers.filter_map(|number| state.channels.get(&number));
        channels.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, ChatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(message: &RTCDataChannelMessage) -> Option<LinkEvent> {
    if let Ok(frame) = serde_json::from_slice(&message.data) {
        return Some(LinkEvent::Frame(frame));
    }
    let text = str::from_utf8(&message.data).ok()?;
    plain_text(text)
        .filter(|_| message.is_string)
        .map(LinkEvent::PlainText)
}
