//! WebRTC dictionaries from plain values.

use js_sys::Array;
use shared::api::IceServer;
use wasm_bindgen::JsValue;
use web_sys::{RtcIceServer, RtcSdpType, RtcSessionDescriptionInit};

/// The `iceServers` of an `RTCConfiguration`.
pub(super) fn ice_servers(servers: &[IceServer]) -> Array {
    let list = Array::new();
    for server in servers {
        let entry = RtcIceServer::new();
        let urls: Array = server
            .urls
            .iter()
            .map(|url| JsValue::from_str(url))
            .collect();
        entry.set_urls(&urls);
        if let Some(username) = &server.username {
            entry.set_username(username);
        }
        if let Some(credential) = &server.credential {
            entry.set_credential(credential);
        }
        list.push(&entry);
    }
    list
}

pub(super) fn description(kind: RtcSdpType, text: &str) -> RtcSessionDescriptionInit {
    let description = RtcSessionDescriptionInit::new(kind);
    description.set_sdp(text);
    description
}
