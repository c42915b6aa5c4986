//! A source while it runs.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::shared_log::{Appender, SharedLog};
use super::{Stream, StreamError, lock};
use media::control::Control;
use media::error::MediaError;
use media::probe::Probe;
use media::source;

/// A thread that fills a log, and takes orders.
#[derive(Debug)]
pub(super) struct ActiveSource {
    pub(super) shared_log: Arc<SharedLog>,
    pub(super) control: Arc<Control>,
    thread: JoinHandle<()>,
}

impl ActiveSource {
    pub(super) fn start(of: &Arc<Stream>, probe: &Arc<Probe>) -> Result<Self, StreamError> {
        let shared_log = Arc::new(SharedLog::default());
        let control = Arc::new(Control::default());
        let mut sink = Appender::new(Arc::clone(&shared_log), Arc::downgrade(of));
        let (stream, probe, orders) = (Arc::downgrade(of), Arc::clone(probe), Arc::clone(&control));
        let input = of.input.clone();
        let thread = std::thread::Builder::new().name(format!("source {}", of.name));
        let thread = thread.spawn(move || {
            let result = source::run(&input, &probe, &orders, &mut sink);
            sink.finish();
            if let (Err(error), Some(stream)) = (result, stream.upgrade()) {
                tracing::warn!(stream = stream.name, "the source stopped: {error}");
                match error {
                    // Another film by the same name: it is shown from the next viewer on.
                    MediaError::Changed(_) => stream.invalidate(),
                    error => lock(&stream.live).failure = Some(stream.sentence(&error)),
                }
            }
        });
        let thread = thread.map_err(|error| StreamError::NotStarted(error.to_string()))?;
        tracing::info!(stream = of.name, "the source starts");
        Ok(Self {
            shared_log,
            control,
            thread,
        })
    }

    pub(super) async fn end(self) {
        self.control.stop();
        self.shared_log.finish();
        // The thread is between two packets, or sleeping on `control`: this takes milliseconds.
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("a source's thread panicked; please report this with the log above");
        }
    }
}
