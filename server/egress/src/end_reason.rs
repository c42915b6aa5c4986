//! Why sending to a viewer ended.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The stream ended.
    StreamOver,
    /// The connection to the viewer is closed.
    ViewerGone,
}
