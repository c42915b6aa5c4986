//! The data channels that carry the chat with one peer: which they are, and on which of them frames are sent, is decided by [`shared::chat_channels`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::chat::{ChatFrame, MAX_FRAME};
use shared::chat_channels::ChatChannels;
use shared::plain_text::plain_text;
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelMessage};
use webrtc::error::Error;

use crate::peer_link::{LinkEvent, LinkEventSender};
use crate::startup::Startup;

pub(crate) struct ChatLink {
    state: Mutex<ChatState>,
    /// Channels of this side.
    own: usize,
    startup: Arc<Startup>,
    events: LinkEventSender,
}

#[derive(Default)]
struct ChatState {
    rules: ChatChannels,
    /// By the numbers of `rules`.
    channels: Vec<Arc<dyn DataChannel>>,
    /// [`LinkEvent::Open`] was emitted.
    opened: bool,
}

/// One channel, and its number.
pub(crate) struct NumberedChannel {
    number: usize,
    channel: Arc<dyn DataChannel>,
}

impl ChatLink {
    /// With the channels of this side, which are to be read.
    pub(crate) fn new(
        channels: Vec<Arc<dyn DataChannel>>,
        startup: Arc<Startup>,
        events: LinkEventSender,
    ) -> (Arc<Self>, Vec<NumberedChannel>) {
        let mut rules = ChatChannels::default();
        let numbered = channels.iter().cloned().map(|channel| NumberedChannel {
            number: rules.add(),
            channel,
        });
        let numbered = numbered.collect();
        let link = Self {
            own: channels.len(),
            state: Mutex::new(ChatState {
                rules,
                channels,
                opened: false,
            }),
            startup,
            events,
        };
        (Arc::new(link), numbered)
    }

    /// A channel that the other side has opened, to be read. `None`: it has too many, and this one is closed.
    pub(crate) async fn accept(&self, channel: Arc<dyn DataChannel>) -> Option<NumberedChannel> {
        let number = {
            let mut state = self.lock();
            let number = state.rules.accept(self.own);
            match number {
                Some(number) if number == state.channels.len() => {
                    state.channels.push(channel.clone());
                }
                Some(number) => state.channels[number] = channel.clone(),
                None => {}
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
        while let Some(frame) = frames.recv().await {
            let Ok(text) = serde_json::to_string(&frame) else {
                continue;
            };
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
        numbers
            .map(|number| state.channels[number].clone())
            .collect()
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
