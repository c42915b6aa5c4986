//! Why sending to a viewer ended.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The stream ended.
    StreamOver,
    /// The stream does not have one of the viewer's tracks any more.
    TrackGone,
    /// The connection to the viewer is closed.
    ViewerGone,
    /// The thread that sent to the viewer has failed.
    ShardFailed,
}
