//! What the server says of a publisher.

use serde::Deserialize;
use shared::api::PublisherWarning;

/// The part of `PublisherInfo` that the page shows: `GET /session/{secret}`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ServerReport {
    /// Seconds.
    pub rtt: Option<f64>,
    #[serde(default)]
    pub warnings: Vec<PublisherWarning>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_does_not_know_is_ignored() {
        let report = r#"{ "datagrams": 1, "rtt": 0.025, "warnings": ["uplink_low", "hail"] }"#;
        let report: ServerReport = serde_json::from_str(report).expect("a report");
        assert_eq!(report.rtt, Some(0.025));
        let known = [PublisherWarning::UplinkLow, PublisherWarning::Unknown];
        assert_eq!(report.warnings, known);
        let new = serde_json::from_str::<ServerReport>(r#"{ "datagrams": 0 }"#);
        assert_eq!(new.expect("a report"), ServerReport::default());
    }
}
