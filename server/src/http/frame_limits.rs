//! Limits on the frames of a WebSocket (RFC 6455 5.2), below the messages that they make up: a message in endless fragments never arrives.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Frames of one message.
const MAX_FRAGMENTS: u32 = 16;
/// For a message, from its first octet to its last.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The stream of a WebSocket, which ends with an error when the client breaks a limit.
#[derive(Debug)]
pub(super) struct FrameLimits<S> {
    stream: S,
    parser: FrameParser,
    /// Runs while the rest of a message is waited for. A message that is there as a whole needs none.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// Follows the frames in what is read.
#[derive(Debug, Default)]
struct FrameParser {
    /// The head of a frame, as far as it has come.
    head: [u8; 14],
    has: usize,
    /// Octets of the payload that are still to come.
    payload: u64,
    /// Frames of the current message.
    fragments: u32,
    in_message: bool,
    /// Messages that have ended.
    messages: u64,
    /// Octets of heads that have not been metered.
    heads: usize,
}

/// Within the error of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message has too many fragments")]
pub(super) struct TooManyFragments;

impl FrameParser {
    /// A frame or a message has begun and has not ended.
    fn is_incomplete(&self) -> bool {
        self.in_message || self.has > 0 || self.payload > 0
    }

    fn read(&mut self, mut octets: &[u8]) -> Result<(), TooManyFragments> {
        while let Some((&first, rest)) = octets.split_first() {
            if self.payload > 0 {
                let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX);
                let skipped = skipped.min(octets.len());
                self.payload -= skipped as u64;
                octets = octets.get(skipped..).unwrap_or_default();
                continue;
            }
            octets = rest;
            if let Some(octet) = self.head.get_mut(self.has) {
                *octet = first;
                self.has += 1;
            }
            if self.has >= 2 && self.has == self.head_length() {
                self.begin_payload()?;
            }
        }
        Ok(())
    }

    /// By what has come of the head: at least two octets.
    fn head_length(&self) -> usize {
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        let length = match self.head[1] & 0x7F {
            127 => 8,
            126 => 2,
            _ => 0,
        };
        2 + length + mask
    }

    fn begin_payload(&mut self) -> Result<(), TooManyFragments> {
        let [first, length, ..] = self.head;
        self.payload = match length & 0x7F {
            126 => u64::from(u16::from_be_bytes([self.head[2], self.head[3]])),
            127 => {
                let [_, _, a, b, c, d, e, f, g, h, ..] = self.head;
                u64::from_be_bytes([a, b, c, d, e, f, g, h])
            }
            length => length.into(),
        };
        self.heads += self.has;
        self.has = 0;
        let is_control = first & 0x08 != 0;
        if is_control {
            return Ok(());
        }
        let is_final = first & 0x80 != 0;
        self.fragments = if self.in_message {
            self.fragments + 1
        } else {
            1
        };
        self.in_message = !is_final;
        self.messages += u64::from(is_final);
        match self.fragments > MAX_FRAGMENTS {
            true => Err(TooManyFragments),
            false => Ok(()),
        }
    }
}

impl<S> FrameLimits<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            parser: FrameParser::default(),
            deadline: None,
        }
    }

    /// The octets of the frames' heads since the last time: what messages and pings do not count.
    pub(super) fn take_heads(&mut self) -> usize {
        std::mem::take(&mut self.parser.heads)
    }

    fn follow(&mut self, octets: &[u8]) -> io::Result<()> {
        let followed = self.parser.read(octets);
        followed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FrameLimits<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let (before, messages) = (buffer.filled().len(), this.parser.messages);
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            this.follow(buffer.filled().get(before..).unwrap_or_default())?;
        }
        if messages != this.parser.messages {
            this.deadline = None;
        }
        if !this.parser.is_incomplete() {
            this.deadline = None;
        } else if read.is_pending() && this.deadline.is_none() {
            this.deadline = Some(Box::pin(sleep(MESSAGE_TIMEOUT)));
        }
        let deadline = this.deadline.as_mut();
        match deadline.map(|deadline| deadline.as_mut().poll(context)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Some(Poll::Pending) | None => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameLimits<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a client, masked by zeros.
    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match payload {
            0..126 => frame.push(0x80 | payload as u8),
            126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend((payload as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(vec![b'x'; payload]);
        frame
    }

    const TEXT: u8 = 1;
    const CONTINUATION: u8 = 0;
    const FINAL: u8 = 0x80;
    const PING: u8 = FINAL | 9;

    #[test]
    fn whole_messages_of_any_length_pass_however_they_are_cut() {
        let lengths = [0, 1, 125, 126, 65_535, 65_536, 70_000];
        let octets: Vec<u8> = lengths
            .iter()
            .flat_map(|&length| frame(FINAL | TEXT, length))
            .collect();
        for piece in [1, 2, 3, 7, 1000, octets.len()] {
            let mut parser = FrameParser::default();
            for piece in octets.chunks(piece) {
                parser.read(piece).unwrap();
            }
            assert!(!parser.is_incomplete());
            let payload: usize = lengths.iter().sum();
            assert_eq!(parser.heads, octets.len() - payload);
        }
    }

    #[test]
    fn a_message_has_16_fragments_at_most() {
        let mut parser = FrameParser::default();
        for _ in 0..2 {
            parser.read(&frame(TEXT, 3)).unwrap();
            for _ in 0..14 {
                parser.read(&frame(CONTINUATION, 0)).unwrap();
                parser.read(&frame(PING, 2)).unwrap();
                assert!(parser.is_incomplete());
            }
            parser.read(&frame(FINAL | CONTINUATION, 1)).unwrap();
            assert!(!parser.is_incomplete());
        }
        parser.read(&frame(TEXT, 0)).unwrap();
        let fragments = frame(CONTINUATION, 0).repeat(16);
        assert_eq!(parser.read(&fragments), Err(TooManyFragments));
    }
}
