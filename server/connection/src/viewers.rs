//! The viewers of all streams: answers offers, finds sessions by their secret, ends them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rtc_crypto::default_provider;

use super::answer;
use super::codecs::Format;
use super::connections::Command;
use super::end::End;
use super::error::{SessionError, SetupError};
use super::formats::Formats;
use super::host::{Host, random_number};
use super::negotiation::Negotiation;
use super::offering::{Medium, Offering};
use super::profiles::ClientKind;
use super::publishers::Publishers;
use super::serving::Serving;
use super::session::Session;
use super::sessions::Sessions;
use super::shard_pool::{Member, ShardPool};
use super::thread::ConnectionThread;
use super::viewer::Opening;
use egress::counters::ShardCounters;
#[cfg(feature = "fault-injection")]
use egress::shard::Fault;
use egress::shard::Shard;
use egress::track::TrackParams;
use media::track::{OfferedTrack, TrackKind};
use net::{NetError, Port};
use shared::api::{Codec, ViewerLimit};
use srtp::Profile;
use stream::admission::ViewerPermit;
use stream::publication;
use stream::{Stream, StreamError, WantedTrack};
use transport::dtls::Identity;

/// At shutdown, connections have this long to close, so that viewers see the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Probing a file on a slow disk may take this long.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Ports, threads and paths of all connections.
#[derive(Clone, Debug)]
pub struct Options {
    /// The first UDP port; 0: any free ports.
    pub udp_port: u16,
    /// An address that is forwarded to this machine; offered before the addresses of its interfaces.
    pub public_ip: Option<IpAddr>,
    /// The ports are on loopback addresses only.
    pub loopback: bool,
    /// Threads that send media, each through a UDP port of its own: `udp_port` and those after it. At least 1.
    pub shards: usize,
    /// Accept viewers over ICE-TCP (RFC 6544) as well, on the same port numbers.
    pub tcp: bool,
    /// Check candidates of offers that say `a=ice-lite`, whose clients send no checks.
    pub full_ice: bool,
}

/// All viewers. Clones share them.
#[derive(Clone, Debug)]
pub struct Viewers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Arc<Host>,
    shards: Vec<Arc<ShardCounters>>,
    sessions: Sessions<Session>,
    publishers: Publishers,
    loopback: bool,
}

/// What a viewer asks for.
#[derive(Clone, Copy, Debug)]
pub struct ViewerOffer<'a> {
    pub sdp: &'a str,
    /// Of the request, which tells browsers apart.
    pub user_agent: Option<&'a str>,
    /// Also while nobody publishes the stream.
    pub waits: bool,
}

/// A viewer of which nothing is heard for this long is gone. Browsers send a check every 2.5 to 6 s, and answer ours.
const SILENCE: Duration = Duration::from_millis(9_500);

/// The answer to an offer, and what a client needs to change or end the session.
#[derive(Debug)]
pub struct NewSession<T> {
    /// SDP with every candidate of the server.
    pub answer: String,
    /// 32 hexadecimal digits, random: names the session in URLs.
    pub secret: String,
    pub etag: String,
    pub session: Arc<T>,
}

impl Viewers {
    /// Binds the ports and starts the shards.
    ///
    /// # Errors
    /// A port is taken, a thread cannot be started, or no certificate can be generated.
    pub fn new(options: &Options) -> Result<Self, SetupError> {
        let provider = default_provider();
        let crypto = provider.map_err(|error| SetupError::Encryption(error.to_string()))?;
        let tested = srtp::self_test(crypto.crypto());
        tested.map_err(|error| SetupError::Encryption(error.to_string()))?;
        let identity = Identity::generate();
        let identity = identity.map_err(|error| SetupError::Certificate(error.to_string()))?;
        let addresses = match options.loopback {
            true => net::loopback_addresses(),
            false => net::local_addresses(),
        };
        let addresses = addresses.map_err(NetError::Interfaces)?;
        let mut members = Vec::new();
        for number in 0..options.shards.max(1) {
            let port = match options.udp_port {
                0 => 0,
                first => {
                    u16::try_from(usize::from(first) + number).map_err(|_| NetError::NoneFree)?
                }
            };
            let port = Port::bind_on(&addresses, port, options.public_ip, options.tcp)?;
            let shard = Shard::start(format!("shard {number}"), port);
            let shard = shard.map_err(SetupError::Thread)?;
            let name = format!("connections {number}");
            let thread = ConnectionThread::start(name, &shard, Arc::clone(&crypto));
            let thread = thread.map_err(SetupError::Thread)?;
            members.push(Member { shard, thread });
        }
        let counters = members.iter().map(|member| member.shard.counters().clone());
        let shards = counters.collect();
        let host = Host::new(ShardPool::new(members), identity, options.full_ice);
        let host = Arc::new(host);
        Ok(Self(Arc::new(Inner {
            publishers: Publishers::new(Arc::clone(&host)),
            host,
            loopback: options.loopback,
            shards,
            sessions: Sessions::default(),
        })))
    }

    /// The UDP addresses that viewers connect to, of all shards.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.host.pool.addresses()
    }

    /// The publishers, on the same ports.
    pub fn publishers(&self) -> &Publishers {
        &self.0.publishers
    }

    /// Follows the addresses of this machine until the future is dropped: new viewers are offered the present ones.
    pub async fn follow_addresses(&self) {
        if self.0.loopback {
            return;
        }
        self.0.host.pool.follow_addresses().await;
    }

    /// Answers an offer. The session ends when the viewer does not connect in time, or leaves. The stream's source starts when the viewer is connected.
    ///
    /// # Errors
    /// The offer cannot be used, the stream cannot be read, or `permit` has no capacity left for it.
    pub async fn open_session(
        &self,
        permit: ViewerPermit,
        stream: Arc<Stream>,
        offer: ViewerOffer<'_>,
    ) -> Result<NewSession<Session>, SessionError> {
        self.0.open_session(permit, stream, offer).await
    }

    pub fn session(&self, secret: &str) -> Option<Arc<Session>> {
        self.0.sessions.get(secret)
    }

    /// Counters of each shard since the start.
    pub fn shards(&self) -> &[Arc<ShardCounters>] {
        &self.0.shards
    }

    /// Makes a shard fail as by an error in the program.
    #[cfg(feature = "fault-injection")]
    pub fn inject_fault(&self, shard: usize, fault: Fault) {
        self.0.host.pool.get(shard).shard.inject_fault(fault);
    }

    /// Makes the thread of a shard's connections fail likewise.
    #[cfg(feature = "fault-injection")]
    pub async fn inject_connection_fault(&self, shard: usize) {
        let _ = self.0.host.pool.get(shard).thread.send(Command::Fail).await;
    }

    /// The connected viewers, by how their media is encrypted.
    pub fn by_profile(&self) -> [(Profile, usize); Profile::ALL.len()] {
        let sessions = self.0.sessions.all();
        let profiles = sessions.iter();
        let profiles: Vec<_> = profiles
            .filter_map(|session| session.counters().profile())
            .collect();
        let count = |profile| profiles.iter().filter(|other| **other == profile).count();
        Profile::ALL.map(|profile| (profile, count(profile)))
    }

    /// Number of sessions that have not ended, connected or not.
    pub fn sessions(&self) -> usize {
        self.0.sessions.len()
    }

    /// Ends every session, also those of publishers. Viewers see the stream end.
    pub async fn close(&self) {
        // A session that is opened after this ends at once.
        self.0.host.close();
        let publishers = self.0.publishers.all();
        for session in publishers.all() {
            session.control.end(End::Shutdown).await;
        }
        for session in self.0.sessions.all() {
            session.control.end(End::Shutdown).await;
        }
        let all_ended = async {
            self.0.sessions.wait_until_empty().await;
            publishers.wait_until_empty().await;
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, all_ended)
            .await
            .is_err()
        {
            tracing::warn!(
                viewers = self.sessions(),
                publishers = publishers.len(),
                "some connections did not close in time"
            );
        }
    }
}

impl Inner {
    async fn open_session(
        &self,
        mut permit: ViewerPermit,
        stream: Arc<Stream>,
        offer: ViewerOffer<'_>,
    ) -> Result<NewSession<Session>, SessionError> {
        let ViewerOffer {
            sdp,
            user_agent,
            waits,
        } = offer;
        // A file that blocks must not keep the permits of its viewers for ever.
        let offered = tokio::time::timeout(PROBE_TIMEOUT, stream.offering_to(waits));
        let offered = offered.await.map_err(|_| StreamError::Slow)??;
        let replacements = stream.replacements();
        let negotiation = Negotiation::new(sdp, &codecs(&offered, &replacements))?;
        let wanted: Vec<_> = negotiation
            .served()
            .filter_map(|(medium, formats)| {
                wanted(medium, formats, &offered, !replacements.is_empty())
            })
            .collect();
        let tracks: Vec<_> = wanted.iter().map(|wanted| wanted.track.clone()).collect();
        let address = permit.address();
        let Some(place) = self.host.pool.open_route() else {
            return Err(StreamError::from(permit.refuse(ViewerLimit::Processor)).into());
        };
        let offered_connection = &negotiation.connection;
        let connection = self
            .host
            .new_connection(offered_connection, address, place)?;
        permit.reserve(&stream, &tracks)?;
        stream.warm();

        let params = track_params(negotiation.served())?;
        let answer = connection.answer(|local| answer::write(&negotiation, local, &params))?;
        let (control, ended) = connection.control(&negotiation.connection);
        let session = Arc::new(Session {
            control,
            counters: Arc::default(),
        });
        let serving = Serving {
            stream,
            tracks: wanted,
            waits,
            params,
            cname: connection.cname.clone(),
            shard: connection.member.shard.clone(),
            route: Arc::clone(&connection.route),
            counters: Arc::clone(&session.counters),
        };
        let client = ClientKind::new(address, user_agent);
        let start = connection.start(negotiation.connection, client, user_agent, SILENCE)?;
        let open = || {
            Command::Open(Box::new(Opening {
                connection: start,
                serving,
                permit,
                registration: self
                    .sessions
                    .add(&connection.secret, Arc::clone(&session), ended),
            }))
        };
        connection.open(&session.control, open).await?;
        Ok(NewSession {
            answer,
            secret: connection.secret,
            etag: connection.etag,
            session,
        })
    }
}

/// The tracks of these formats. All SSRCs differ, and none is 0.
fn track_params<'a>(
    served: impl Iterator<Item = (Medium, &'a Formats)>,
) -> Result<Vec<TrackParams>, SessionError> {
    let random = random_number()?;
    // The lower 8 bits count, the others are random.
    let mut ssrcs = (1..=u8::MAX).map(|number| random as u32 & !0xFF | u32::from(number));
    let mut ssrc = || ssrcs.next().unwrap_or_default();
    let tracks = served.map(|(_, formats)| {
        let first = formats.first();
        TrackParams {
            formats: formats.iter().map(Format::payload_format).collect(),
            ssrc: ssrc(),
            rtx_ssrc: first.and_then(|first| first.rtx).map(|_| ssrc()),
            twcc_id: first.and_then(|first| first.transport),
        }
    });
    Ok(tracks.collect())
}

/// The track of these formats, and the codecs of those that may take its place.
fn wanted(
    medium: Medium,
    formats: &[Format],
    offered: &media::track::Offering,
    is_published: bool,
) -> Option<WantedTrack> {
    let first = formats.first()?;
    // A publisher may go on with another layer, or another codec that the answer has.
    let all = formats.iter().filter(|_| is_published);
    let track = match medium {
        Medium::Video | Medium::Audio => offered.rendition(first.codec, first.single_nal)?.clone(),
        // It may begin later.
        Medium::Inset => {
            let now = offered.inset_with_codec(first.codec).cloned();
            now.unwrap_or_else(|| publication::inset(first.codec, 0))
        }
    };
    Some(WantedTrack {
        track,
        codecs: all.map(|format| format.codec).collect(),
    })
}

fn codecs(offered: &media::track::Offering, replacements: &[OfferedTrack]) -> Offering {
    let native = offered
        .with_codec(Codec::H264)
        .filter(|track| !track.encoded);
    let video = offered.video.as_ref().filter(|_| native.is_some());
    let videos = offered.of(TrackKind::Video);
    let (single_nal, videos): (Vec<_>, Vec<_>) = videos.partition(|track| track.single_nal);
    let mut codecs: Vec<_> = videos.into_iter().map(|track| track.codec).collect();
    codecs.dedup();
    let replacements = replacements.iter().map(|track| track.codec);
    // A publisher that sends no second picture may begin to.
    let mut inset: Vec<_> = offered
        .of(TrackKind::Inset)
        .map(|track| track.codec)
        .collect();
    if inset.is_empty() {
        inset.extend(replacements.clone().filter(|codec| codec.is_video()));
    }
    Offering {
        video: codecs,
        h264_profile: video.and_then(|video| video.profile.clone()),
        single_nal: !single_nal.is_empty(),
        audio: offered.has(TrackKind::Audio),
        inset,
        replacements: replacements.collect(),
    }
}
