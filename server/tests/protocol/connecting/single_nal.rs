//! A viewer that takes H.264 in single NAL unit mode alone (RFC 6184 6.2).

use std::path::Path;

use serde_json::Value;
use testkit::skip;

use super::clients::connect_py;
use super::serve;
use crate::clients::aiortc::PYTHON;

/// The film's own H.264 has larger NAL units than fit a packet, so it is encoded again.
#[tokio::test(flavor = "multi_thread")]
async fn aiortc_decodes_h264_of_which_each_packet_is_one_nal_unit() {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    let server = serve().await;
    let arguments = ["--cases", "single_nal"].map(str::to_owned);
    let outcomes: Vec<Value> = connect_py(&server, &arguments).await;
    let outcome = &outcomes[0];
    assert_eq!(outcome["error"], Value::Null, "{outcome}");
    assert_eq!(outcome["codec"], "H264", "{outcome}");
    assert!(outcome["picture"].is_f64(), "30 pictures: {outcome}");
    server.stop().await;
}
