//! The data channels that carry the chat with one peer, and on which of them this side sends. Pure.
//!
//! A native peer has one: `chat`, negotiated with id 0. Whether a foreign peer has that one too, waits for a channel, or opens one of its own, is not
//! known beforehand. So it gets another `chat` in band (RFC 8832), all channels are read, and frames go to every open one until the peer has said
//! something: from then on to the channel that it has used last. A frame that comes twice has one number ([`crate::conversation`]).

/// Limit on the channels with one peer.
const MAX_CHANNELS: usize = 6;

/// The channels of one connection; see the module. Each has a number.
#[derive(Clone, Debug, Default)]
pub struct ChatChannels {
    channels: Vec<ChannelState>,
    /// The channel that the peer has used last.
    used: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChannelState {
    /// This side opens it.
    Opening,
    Open,
    Closed,
}

impl ChatChannels {
    /// A channel of this side. Returns its number.
    pub fn add(&mut self) -> usize {
        self.channels.push(ChannelState::Opening);
        self.channels.len() - 1
    }

    /// A channel that the peer has opened. Returns its number: a new one, or that of a channel that the peer had opened and closed. `None`: there are
    /// too many. `own`: the channels of this side.
    pub fn accept(&mut self, own: usize) -> Option<usize> {
        let mut others = self.channels.iter().skip(own);
        let free = others.position(|state| *state == ChannelState::Closed);
        let number = free.map_or(self.channels.len(), |at| own + at);
        if number == MAX_CHANNELS {
            return None;
        }
        if number == self.channels.len() {
            self.channels.push(ChannelState::Open);
        }
        self.channels[number] = ChannelState::Open;
        Some(number)
    }

    pub fn on_open(&mut self, number: usize) {
        self.set(number, ChannelState::Open);
    }

    /// The peer has said something on a channel.
    pub fn on_message(&mut self, number: usize) {
        self.set(number, ChannelState::Open);
        self.used = Some(number);
    }

    pub fn on_closed(&mut self, number: usize) {
        self.set(number, ChannelState::Closed);
    }

    fn set(&mut self, number: usize, state: ChannelState) {
        if let Some(channel) = self.channels.get_mut(number) {
            *channel = state;
        }
    }

    /// What is sent now reaches the peer: it has said something, or no channel of this side is still opening.
    pub fn is_ready(&self) -> bool {
        let opening = self.channels.contains(&ChannelState::Opening);
        self.receivers().next().is_some() && (self.used.is_some() || !opening)
    }

    /// Which channel the peer uses is not clear: it has opened none, and said nothing. `own`: the channels of this side.
    pub fn is_unclear(&self, own: usize) -> bool {
        self.used.is_none() && self.channels.len() == own
    }

    /// No channel is left.
    pub fn is_over(&self) -> bool {
        let mut channels = self.channels.iter();
        channels.all(|state| *state == ChannelState::Closed)
    }

    /// The channels that a frame is sent on.
    pub fn receivers(&self) -> impl Iterator<Item = usize> {
        let is_open = |number: &usize| self.channels[*number] == ChannelState::Open;
        let used = self.used.filter(is_open);
        (0..self.channels.len())
            .filter(is_open)
            .filter(move |number| used.is_none_or(|used| used == *number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receivers(channels: &ChatChannels) -> Vec<usize> {
        channels.receivers().collect()
    }

    #[test]
    fn a_native_peer_has_one_channel() {
        let mut channels = ChatChannels::default();
        let chat = channels.add();
        assert!(!channels.is_ready());
        channels.on_open(chat);
        assert!(channels.is_ready() && !channels.is_over());
        assert_eq!(receivers(&channels), [chat]);
        channels.on_closed(chat);
        assert!(channels.is_over() && !channels.is_ready());
        assert!(receivers(&channels).is_empty());
    }

    #[test]
    fn a_foreign_peer_is_sent_everything_on_every_channel_until_it_uses_one() {
        let mut channels = ChatChannels::default();
        let (chat, in_band) = (channels.add(), channels.add());
        channels.on_open(chat);
        assert!(!channels.is_ready(), "the other one is still opening");
        channels.on_open(in_band);
        assert!(channels.is_ready() && channels.is_unclear(2));
        let own = channels.accept(2).unwrap();
        assert!(!channels.is_unclear(2), "it has opened one");
        assert_eq!(receivers(&channels), [chat, in_band, own]);
        channels.on_message(own);
        assert_eq!(receivers(&channels), [own]);
        channels.on_message(chat);
        assert_eq!(receivers(&channels), [chat]);
        channels.on_closed(chat);
        assert_eq!(receivers(&channels), [in_band, own]);
        assert!(!channels.is_over());
    }

    #[test]
    fn a_peer_that_refuses_a_channel_or_speaks_before_it_is_open_is_ready() {
        let mut refusing = ChatChannels::default();
        let (chat, in_band) = (refusing.add(), refusing.add());
        refusing.on_open(chat);
        let mut speaking = refusing.clone();
        refusing.on_closed(in_band);
        speaking.on_message(chat);
        assert!(refusing.is_ready() && speaking.is_ready());
    }

    #[test]
    fn a_peer_that_opens_channels_without_end_has_few() {
        let mut channels = ChatChannels::default();
        channels.add();
        let mut accepted = Vec::new();
        while let Some(number) = channels.accept(1) {
            accepted.push(number);
        }
        assert_eq!(accepted, (1..MAX_CHANNELS).collect::<Vec<_>>());
        for number in [3, 3, 5] {
            channels.on_closed(number);
            assert_eq!(channels.accept(1), Some(number));
        }
        channels.on_closed(0);
        assert_eq!(channels.accept(1), None, "that is not its own");
    }
}
