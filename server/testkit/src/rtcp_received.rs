//! RTCP that a viewer receives, recorded before webrtc-rs acts on it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// The packets of one datagram.
pub type Compound = Vec<Box<dyn rtc::rtcp::Packet>>;

/// All compounds so far; clones share them.
#[derive(Clone, Default)]
pub struct RtcpReceived(Arc<Mutex<Vec<Compound>>>);

impl RtcpReceived {
    pub fn compounds(&self) -> Vec<Compound> {
        self.0.lock().expect("not poisoned").clone()
    }

    pub(crate) fn recorder(&self) -> Recorder {
        Recorder {
            received: self.clone(),
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        }
    }
}

/// All packets pass unchanged.
pub(crate) struct Recorder {
    received: RtcpReceived,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Recorder {
    /// After all interceptors of webrtc-rs.
    pub(crate) const SLOT: Slot = Slot::Custom(14_000);
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Recorder {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &message.message.packet {
            let mut received = self.received.0.lock().expect("not poisoned");
            received.push(packets.clone());
        }
        self.reads.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for Recorder {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
