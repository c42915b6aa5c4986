//! Files.
use super::engine::Engine;
use super::room::Room;
use shared::signaling::PeerId;
use std::rc::{Rc, Weak};
use web_sys::RtcDataChannel;
pub(crate) struct Files {
    _room: Room,
    _engine: Weak<Engine>,
}
impl Files {
    pub(crate) fn new(room: Room, engine: Weak<Engine>) -> Rc<Self> {
        Rc::new(Self {
            _room: room,
            _engine: engine,
        })
    }
    pub(crate) fn offer(&self, _file: web_sys::File) {}
    pub(crate) fn want(&self, _: &PeerId, _: u64) {}
    pub(crate) fn stop(&self, _: &PeerId, _: u64, _: &PeerId) {}
    pub(crate) fn take(&self, _: &PeerId, channel: RtcDataChannel, _: u64, _: u64) {
        channel.close();
    }
    pub(crate) fn wanted(&self, _: &PeerId, _: u64, _: u64) {}
    pub(crate) fn stopped(&self, _: &PeerId, _: u64) {}
    pub(crate) fn gone(&self, _: &PeerId, _: u64) {}
    pub(crate) fn kept(&self, _: &PeerId, _: u64) {}
    pub(crate) fn heard(&self, _: &PeerId, _: u64) {}
    pub(crate) fn opened(&self, _: &PeerId) {}
    pub(crate) fn closed(&self, _: &PeerId) {}
    pub(crate) fn alone(&self) {}
    pub(crate) fn tick(&self) {}
    pub(crate) fn end(&self) {}
}
