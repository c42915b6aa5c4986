use std::time::{Duration, SystemTime};
use turn::{Options, Secret, Turn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = Secret::random();
    let server = Turn::open(Options::new(vec!["127.0.0.1".parse()?], secret.clone()))?;
    let user = secret.issue("alice", Duration::from_secs(3600), SystemTime::now());
    println!("{} {} {}", server.port(), user.username, user.password);
    tokio::signal::ctrl_c().await?;
    server.close().await;
    Ok(())
}
