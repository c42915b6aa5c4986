//! Why a connection failed and what helps, for the user.

use crate::remote_peer::AttemptProgress;

/// The ICE servers that this peer can use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IceAvailability {
    pub(crate) stun: bool,
    /// A TURN server over UDP.
    pub(crate) turn: bool,
    pub(crate) relay_only: bool,
}

/// The sentence after a failed attempt.
pub(crate) fn failure_message(
    name: &str,
    ice: IceAvailability,
    progress: AttemptProgress,
) -> String {
    if ice.relay_only && !ice.turn {
        return "--relay-only needs a TURN server over UDP, and none is known: start the server with TURN, \
                or name one with --ice-server turn:USER:PASSWORD@HOST:3478."
            .to_owned();
    }
    if !progress.answered {
        return format!(
            "{name} did not answer in time. Trying again. If this goes on, ask {name} to leave and rejoin."
        );
    }
    let blocked = "UDP seems to be blocked on this network: allow UDP to port 3478 of the server, or use the chat page \
                   in a browser, which can use TURN over TCP.";
    let direct = if ice.relay_only {
        format!("No path to {name} through a TURN server was found")
    } else {
        format!("These two networks allow no direct connection to {name}")
    };
    if progress.relay {
        return format!(
            "{direct}, and the TURN server, which was reached, found no way to {name} either. UDP may be blocked on the other side: \
             allow UDP to port 3478 of the server there, or use the chat page in a browser, which can use TURN over TCP. It is tried again."
        );
    }
    if ice.turn {
        return format!("{direct}, and no TURN server could be reached. {blocked} Trying again.");
    }
    let turn = "start the server with TURN, or name a TURN server with --ice-server turn:USER:PASSWORD@HOST:3478";
    if ice.stun && !progress.reflexive {
        return format!(
            "{direct}, no STUN server could be reached, and no TURN server is known. {blocked} Otherwise {turn}. Trying again."
        );
    }
    format!("{direct}, and no TURN server is known that could relay: {turn}. Trying again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: IceAvailability = IceAvailability {
        stun: false,
        turn: false,
        relay_only: false,
    };

    fn found(answered: bool, reflexive: bool, relay: bool) -> AttemptProgress {
        AttemptProgress {
            answered,
            reflexive,
            relay,
        }
    }

    #[test]
    fn the_advice_fits_what_was_found() {
        let all = IceAvailability {
            stun: true,
            turn: true,
            relay_only: false,
        };
        let text = failure_message("bob", NOTHING, found(false, false, false));
        assert!(text.contains("did not answer"), "{text}");
        let text = failure_message("bob", NOTHING, found(true, false, false));
        assert!(text.contains("no TURN server is known"), "{text}");
        let text = failure_message("bob", all, found(true, false, false));
        assert!(text.contains("UDP seems to be blocked"), "{text}");
        let text = failure_message("bob", all, found(true, true, true));
        assert!(text.contains("which was reached"), "{text}");
        let only = IceAvailability {
            relay_only: true,
            ..NOTHING
        };
        let text = failure_message("bob", only, found(true, false, false));
        assert!(text.contains("--relay-only needs"), "{text}");
    }
}
