//! A running source.

use std::sync::Arc;
use std::thread::JoinHandle;

use media::control::Control;
use media::error::MediaError;
use media::probe::Probe;
use media::source;

use super::appender::Appender;
use super::shared_log::SharedLog;
use super::{Stream, StreamError, lock};

/// The thread that reads a source and appends to its log.
#[derive(Debug)]
pub(super) struct ActiveSource {
    pub(super) log: Arc<SharedLog>,
    pub(super) control: Arc<Control>,
    thread: JoinHandle<()>,
}

impl ActiveSource {
    pub(super) fn start(stream: &Arc<Stream>, probe: &Arc<Probe>) -> Result<Self, StreamError> {
        let log = Arc::new(SharedLog::default());
        let control = Arc::new(Control::default());
        let mut appender = Appender::new(Arc::clone(&log), Arc::downgrade(stream));
        let (weak, probe, requests) = (
            Arc::downgrade(stream),
            Arc::clone(probe),
            Arc::clone(&control),
        );
        let input = stream.input.clone();
        let thread = std::thread::Builder::new().name(format!("source {}", stream.name));
        let thread = thread.spawn(move || {
            let result = source::run(&input, &probe, &requests, &mut appender);
            appender.finish();
            if let (Err(error), Some(stream)) = (result, weak.upgrade()) {
                tracing::warn!(stream = stream.name, "the source stopped: {error}");
                match error {
                    // The file was replaced by another one: the next viewer gets the new file.
                    MediaError::Changed(_) => stream.invalidate(),
                    error => lock(&stream.status).failure = Some(stream.sentence(&error)),
                }
            }
        });
        let thread = thread.map_err(|error| StreamError::NotStarted(error.to_string()))?;
        tracing::info!(stream = stream.name, "the source starts");
        Ok(Self {
            log,
            control,
            thread,
        })
    }

    /// Stops the source and joins its thread.
    pub(super) async fn stop(self) {
        self.control.stop();
        self.log.finish();
        // The thread checks `control` between two packets and waits on it, so this takes milliseconds.
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("a source's thread panicked; please report this with the log above");
        }
    }
}
