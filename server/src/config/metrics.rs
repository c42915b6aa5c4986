//! Flags of the counters for Prometheus.

use std::fs;
use std::net::SocketAddr;

use access::Key;

/// Who may read the counters: they name streams, and tell how much the server is used.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Counters")]
pub struct MetricsFlags {
    /// Serve /metrics for Prometheus at an address of its own, without a token: for this machine, or a network that only monitors reach.
    /// Example: --metrics-listen 127.0.0.1:9100
    #[arg(id = "metrics_listen", long = "metrics-listen", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,

    /// Serve /metrics beside the page too, to those who send the token in this file (Authorization: Bearer).
    /// Example: --metrics-token @/etc/weir/metrics.token
    #[arg(id = "metrics_token", long = "metrics-token", value_name = "@FILE", value_parser = token_of_file)]
    pub token: Option<Key>,
}

fn token_of_file(argument: &str) -> Result<Key, String> {
    let path = argument.strip_prefix('@').ok_or(
        "write @ and the path of a file with the token, which other users of this machine can see on a command line",
    )?;
    let text =
        fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    let token = text.trim().parse::<Key>();
    token.map_err(|error| format!("{path} does not hold a token: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "0123456789abcdef\n").unwrap();
        let argument = format!("@{}", path.display());
        let token = token_of_file(&argument).unwrap();
        assert_eq!(token.reveal(), "0123456789abcdef");
        fs::write(&path, "MyS3cret").unwrap();
        for argument in [&argument, "@/no/such/file", "MyS3cret-MyS3cret"] {
            let error = token_of_file(argument).unwrap_err();
            assert!(!error.contains("MyS3cret"), "{error}");
        }
    }
}
