//! A response that is polled: what to show before the first one, and after failures.

/// `T` is the response, `E` the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteData<T, E> {
    /// No response yet.
    Loading,
    Ready(T),
    /// The last response, and the error of the newest request.
    Stale(T, E),
    /// There is no response to show.
    Failed(E),
}

impl<T, E> RemoteData<T, E> {
    /// The state after the next result. An error for which `kept` is true keeps the last response on the screen; others replace it.
    pub fn next(self, answer: Result<T, E>, kept: impl Fn(&E) -> bool) -> Self {
        match (answer, self) {
            (Ok(value), _) => Self::Ready(value),
            (Err(error), Self::Ready(value) | Self::Stale(value, _)) if kept(&error) => {
                Self::Stale(value, error)
            }
            (Err(error), _) => Self::Failed(error),
        }
    }

    /// The newest response, stale or not.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Ready(value) | Self::Stale(value, _) => Some(value),
            Self::Loading | Self::Failed(_) => None,
        }
    }

    pub fn error(&self) -> Option<&E> {
        match self {
            Self::Stale(_, error) | Self::Failed(error) => Some(error),
            Self::Loading | Self::Ready(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_stays_while_contact_is_lost() {
        let shown = RemoteData::Loading.next(Ok(1), |_: &&str| true);
        let shown = shown.next(Err("down"), |_| true);
        assert_eq!(shown, RemoteData::Stale(1, "down"));
        assert_eq!(shown.value(), Some(&1));
        assert_eq!(shown.error(), Some(&"down"));
        assert_eq!(shown.next(Ok(2), |_| true), RemoteData::Ready(2));
    }

    #[test]
    fn an_error_that_is_not_a_loss_of_contact_replaces_the_answer() {
        let shown: RemoteData<i32, &str> = RemoteData::Ready(1);
        assert_eq!(
            shown.next(Err("gone"), |_| false),
            RemoteData::Failed("gone")
        );
    }

    #[test]
    fn a_failure_before_any_answer_shows_the_failure() {
        assert_eq!(
            RemoteData::<i32, &str>::Loading.next(Err("down"), |_| true),
            RemoteData::Failed("down")
        );
    }
}
