use std::time::{Duration, SystemTime};
use turn::{Limits, Options, Secret, Turn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret: Secret = "north-by-northwest".parse()?;
    let limits = Limits {
        all: 100,
        per_user: 10,
        per_address: 20,
        user_rate: 1_000_000,
    };
    let addresses = vec!["127.0.0.1".parse()?];
    let options = Options {
        port: Some(3479),
        allow_private: true,
        ..Options::new(addresses, secret.clone(), limits)
    };
    let server = Turn::open(options)?;
    let credential = secret.issue("alice", Duration::from_secs(3600), SystemTime::now());
    println!(
        "turn:127.0.0.1:{} {} {}",
        server.port(),
        credential.username,
        credential.password
    );
    tokio::signal::ctrl_c().await?;
    server.close().await;
    Ok(())
}
