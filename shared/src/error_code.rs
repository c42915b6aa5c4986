//! The codes of the server's errors, over HTTP and in rooms. A client says them in the language of its user. docs/protocol.md lists them, and
//! two more that are sent before a request is read: `https_only` and `too_many_connections`, which are not read as codes here.

use serde::{Deserialize, Serialize};

/// Why the server refuses a request, a message or a socket, or why a stream cannot be watched.
///
/// In JSON the name in snake_case. Codes may be added: one that the reader does not know is [`ErrorCode::Unknown`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    // Requests
    /// The path is not UTF-8.
    BadPath,
    BadQuery,
    /// The body ends early, or is not UTF-8.
    BadBody,
    BodyTooSlow,
    BodyTooLarge,
    WrongContentType,
    /// `Accept-Encoding` excludes all forms of a file.
    NoCoding,
    NoSuchRoute,
    MethodNotAllowed,
    /// A page of this origin may not use rooms and TURN here.
    ForeignOrigin,
    /// The name by which the server was asked for rooms and TURN may be a stranger's.
    UnknownHost,
    /// Not one `Host`, or none that is one.
    BadHost,
    NotAWebsocket,
    /// An error of the program or of the system; the log has the cause.
    Internal,

    // Offers and sessions
    /// Not SDP.
    BadSdp,
    /// Not an SDP fragment (RFC 8840).
    BadFragment,
    /// SDP that cannot be used: credentials, a fingerprint or a mid are missing, or it only sends.
    UnusableOffer,
    /// The offer is of an ICE-lite agent, which is not checked.
    IceLite,
    /// The offer asks for no kind of track that the stream has.
    NothingWanted,
    NoCommonCodec,
    NoSuchSession,
    /// `If-Match` is not the newest `ETag`.
    SessionChanged,
    IfMatchRequired,
    TooManyChanges,
    /// [`ApiError::limit`](crate::api::ApiError::limit) names the limit.
    LimitReached,
    /// The connections' threads are busy.
    Overloaded,

    // Streams
    NoSuchStream,
    /// The server has no stream at all.
    NoStreams,
    StreamRemoved,
    /// Nobody publishes the stream now.
    NotLive,
    /// The stream does not offer a track any more that it offered before.
    TrackGone,
    /// A poster was asked of a stream without video.
    NoVideo,
    /// A poster was asked of a live stream.
    NoPoster,
    FileMissing,
    /// The file must not be read, or is no regular file.
    FileUnreadable,
    FileEmpty,
    FileChanged,
    NotMedia,
    /// There is neither video nor audio in the file that can be decoded.
    NoTracks,
    Encrypted,
    CannotDecode,
    /// The server has no encoder for a codec that is needed.
    NoEncoder,
    /// The file has not been read in time.
    DiskSlow,
    /// The stream has not started in time.
    StreamSlow,
    NotStarted,

    // Publishing
    /// A file of the server has this name.
    NameOfFile,
    /// Nobody may publish under this name.
    NotDeclared,
    KeyRequired,
    /// The key never existed, is revoked, or has expired.
    UnknownKey,
    KeyOfOtherStream,
    /// Too many wrong keys came from this address.
    TooManyFailures,
    /// Another publisher sends to this stream.
    AlreadyLive,

    // Rooms
    /// Not JSON, or not a message of the protocol. The second one in a row closes the socket.
    Malformed,
    /// Longer than [`MAX_MESSAGE`](crate::signaling::MAX_MESSAGE). Closes the socket.
    TooLong,
    /// Another [`VERSION`](crate::signaling::VERSION). Closes the socket.
    Version,
    /// A message before `join`, or a second `join`.
    NotJoined,
    /// The peer's name is invalid. Closes the socket.
    BadName,
    /// The room's name is invalid. Closes the socket.
    BadRoomName,
    /// Another peer in the room has this name. Closes the socket.
    NameTaken,
    /// The room has another password, or none. Closes the socket.
    WrongPassword,
    /// Too many wrong passwords came from this address. Closes the socket.
    TooManyPasswords,
    /// The room has [`MAX_PEERS`](crate::signaling::MAX_PEERS) peers. Closes the socket.
    RoomFull,
    /// The server has reached its limit of rooms or sockets. Closes the socket.
    ServerFull,
    /// The room has no such peer.
    NoSuchPeer,
    /// The peer is away; the message was dropped.
    PeerAway,
    /// More messages per second than allowed. Closes the socket.
    TooFast,
    /// No message for [`IDLE_TIMEOUT_S`](crate::signaling::IDLE_TIMEOUT_S) seconds. Closes the socket.
    Idle,
    /// The peer did not read its messages. Closes the socket.
    TooSlow,
    /// The same peer joined from another socket, such as another tab. Closes the socket; do not rejoin automatically.
    Replaced,
    /// The server is shutting down. Closes the socket.
    ShuttingDown,

    /// A code that is newer than this code, or none.
    #[default]
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The server closes the socket of a room after this code.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::TooLong
                | Self::Version
                | Self::BadName
                | Self::BadRoomName
                | Self::NameTaken
                | Self::WrongPassword
                | Self::TooManyPasswords
                | Self::RoomFull
                | Self::ServerFull
                | Self::TooFast
                | Self::Idle
                | Self::TooSlow
                | Self::Replaced
                | Self::ShuttingDown
        )
    }

    /// Rejoining a room automatically is useless: the user has to change something first.
    pub const fn needs_user_action(self) -> bool {
        matches!(
            self,
            Self::Version
                | Self::BadName
                | Self::BadRoomName
                | Self::NameTaken
                | Self::WrongPassword
                | Self::TooManyPasswords
                | Self::RoomFull
                | Self::Replaced
        ) || self.refuses_caller()
    }

    /// The owner of the server has to permit the page, or the name by which it is reached.
    pub const fn refuses_caller(self) -> bool {
        matches!(self, Self::ForeignOrigin | Self::UnknownHost)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::Error;
    use serde::de::{Deserializer, Error as _, Visitor};
    use serde::forward_to_deserialize_any;

    use super::*;

    /// Fails with the names of an enum's variants.
    struct Names;

    impl<'de> Deserializer<'de> for Names {
        type Error = Error;

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _: &'static str,
            names: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            Err(Error::custom(names.join(" ")))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("no enum"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
        }
    }

    #[test]
    fn every_code_is_documented() {
        let names = ErrorCode::deserialize(Names).unwrap_err().to_string();
        let documented = include_str!("../../docs/protocol.md");
        let names: Vec<&str> = names.split(' ').filter(|name| *name != "unknown").collect();
        assert!(names.len() > 50, "{names:?}");
        for name in names {
            assert!(documented.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn a_code_that_is_not_known_is_read_as_unknown() {
        let read = |text: &str| serde_json::from_str::<ErrorCode>(text).unwrap();
        assert_eq!(read(r#""no_such_stream""#), ErrorCode::NoSuchStream);
        assert_eq!(read(r#""out_of_coffee""#), ErrorCode::Unknown);
    }
}
