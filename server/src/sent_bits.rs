//! What the shards have sent, for the limit on the bit rate to all viewers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egress::counters::ShardCounters;
use stream::admission::AdmissionControl;

const INTERVAL: Duration = Duration::from_secs(1);
/// Of UDP and IPv4, in bytes.
const HEADERS: u64 = 28;

/// Tells the admission control every second, until the future is dropped.
pub(crate) async fn report(shards: &[Arc<ShardCounters>], admission: &AdmissionControl) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        admission.note_sent(Instant::now(), total(shards));
    }
}

/// Bits since the start.
fn total(shards: &[Arc<ShardCounters>]) -> u64 {
    let sent = shards.iter().map(|shard| &shard.sent);
    let bytes = sent.map(|sent| sent.bytes.get() + HEADERS * sent.packets.get());
    bytes.sum::<u64>() * 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packets_of_all_shards_count_with_their_headers() {
        let shards = [Arc::default(), Arc::default()];
        for shard in &shards {
            let shard: &ShardCounters = shard;
            shard.sent.packets.add(2);
            shard.sent.bytes.add(1_000);
        }
        assert_eq!(total(&shards), 2 * (1_000 + 56) * 8);
    }
}
