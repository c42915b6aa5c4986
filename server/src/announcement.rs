//! What the program prints on standard output at the start.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use server::Server;
use server::tls::Tls;
use shared::printable::printable;

/// Streams listed at the start.
const MAX_LISTED: usize = 10;

/// URLs, streams, ports.
pub(crate) fn announcement(http: SocketAddr, server: &Server) -> String {
    let port = http.port();
    let mut text = "Watch at\n".to_owned();
    if http.ip().is_unspecified() || http.ip().is_loopback() {
        text.push_str(&format!("  http://localhost:{port}/   on this machine\n"));
    }
    let addresses = server.udp_addresses();
    for address in reachable(http, &addresses) {
        text.push_str(&format!("  http://{address}/\n"));
    }
    if let Some(tls) = server.tls() {
        text.push_str(&announcement_of_https(http, tls, &addresses));
    }
    let streams = server.registry().list().streams;
    let names: Vec<Cow<'_, str>> = streams
        .iter()
        .take(MAX_LISTED)
        .map(|stream| printable(&stream.name))
        .collect();
    match streams.len() - names.len() {
        _ if names.is_empty() => {
            text.push_str("There is nothing to watch yet: put media files into the folder.\n")
        }
        0 => text.push_str(&format!("Streams: {}\n", names.join(", "))),
        more => text.push_str(&format!("Streams: {}, and {more} more\n", names.join(", "))),
    }
    if let Some(address) = server.metrics_address() {
        text.push_str(&format!("Counters: http://{address}/metrics\n"));
    }
    let ports: BTreeSet<u16> = addresses.iter().map(SocketAddr::port).collect();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    text.push_str(&format!(
        "Video and audio use UDP port {}. Ctrl-C stops the server.\n",
        ports.join(" and ")
    ));
    let stays = addresses.iter().all(|address| address.ip().is_loopback());
    if stays && http.ip().is_loopback() {
        text.push_str(
            "They stay on this machine, as the page does: with a proxy before it, give --public-ip; for others in the network, --listen 0.0.0.0:8000.\n\
             Firefox connects here only with media.peerconnection.ice.loopback in about:config; other browsers do.\n",
        );
    }
    if let Some(turn) = server.turn() {
        text.push_str(&format!(
            "STUN and TURN, for clients behind NATs: port {}, UDP and TCP.\n",
            turn.port()
        ));
    }
    text
}

/// Where other machines reach a port that listens on this address.
fn reachable(listening: SocketAddr, media: &[SocketAddr]) -> Vec<SocketAddr> {
    let everywhere = listening.ip().is_unspecified();
    let ips: BTreeSet<IpAddr> = media.iter().map(SocketAddr::ip).collect();
    let reachable = |ip: &IpAddr| !ip.is_loopback() && (everywhere || *ip == listening.ip());
    let same_family = |ip: &IpAddr| listening.is_ipv6() || ip.is_ipv4();
    let ips = ips
        .into_iter()
        .filter(|ip| reachable(ip) && same_family(ip));
    ips.map(|ip| SocketAddr::new(ip, listening.port()))
        .collect()
}

/// The URLs of HTTPS, and how to trust its authority.
fn announcement_of_https(http: SocketAddr, tls: &Tls, media: &[SocketAddr]) -> String {
    let mut text = String::new();
    let mut urls = reachable(tls.address(), media);
    if urls.is_empty() {
        urls.push(tls.address());
    }
    for address in &urls {
        text.push_str(&format!("  https://{address}/\n"));
    }
    if let Some(fingerprint) = tls.certificates().fingerprint() {
        let pages = reachable(http, media);
        // A port that listens on this machine alone is out of reach for phones.
        let page = match (pages.first(), urls.first()) {
            (Some(page), _) => format!("http://{page}/trust"),
            (None, Some(url)) if http.ip().is_loopback() => format!("https://{url}/trust"),
            (None, _) => format!("http://{http}/trust"),
        };
        text.push_str(&format!(
            "To use the camera of a phone, trust this server on it once: {page}\n\
             SHA-256 fingerprint of its authority:\n  {fingerprint}\n"
        ));
    }
    text
}
