//! `GET /trust`: how a phone trusts the authority of `--tls self`, and the certificate to install.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, Uri, header};
use axum::response::{Html, IntoResponse, Response};

use super::error::{HttpError, no_such_route};
use super::host::Reached;
use super::router::App;
use crate::tls::Certificates;

/// HTTPS, as the page describes it.
#[derive(Debug)]
pub struct Https {
    pub certificates: Arc<Certificates>,
    pub port: u16,
}

const HEADERS: [(HeaderName, &str); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// The certificate, as DER. Phones install what comes with this type.
pub(super) async fn certificate(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Response, HttpError> {
    let https = app.https.as_ref();
    let authority = https.and_then(|https| https.certificates.authority());
    let authority = authority.ok_or_else(|| no_such_route(&uri))?.to_vec();
    let kind = [(header::CONTENT_TYPE, "application/x-x509-ca-cert")];
    Ok((HEADERS, kind, authority).into_response())
}

pub(super) async fn page(
    State(app): State<Arc<App>>,
    uri: Uri,
    reached: Reached,
) -> Result<Response, HttpError> {
    let https = app.https.as_ref().ok_or_else(|| no_such_route(&uri))?;
    let fingerprint = https.certificates.fingerprint();
    let fingerprint = fingerprint.ok_or_else(|| no_such_route(&uri))?;
    let host = reached.host.map(|host| host.to_string());
    let host = host.as_deref().unwrap_or("localhost");
    let url = match reached.https_proxy {
        Some(authority) => format!("https://{authority}/"),
        None => format!("https://{host}:{}/", https.port),
    };
    let page = PAGE
        .replace("{url}", &url)
        .replace("{fingerprint}", &fingerprint);
    Ok((HEADERS, Html(page)).into_response())
}

/// Relative references, which stay valid behind a proxy with a path of its own.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Trust this server · Weir</title>
<style>
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
  body { max-width: 42rem; margin: 0 auto; padding: 1rem; }
  code { overflow-wrap: anywhere; }
  .button { display: inline-block; padding: .75rem 1.25rem; border: 1px solid; border-radius: .5rem; }
  hr { margin: 2.5rem 0; }
</style>
<main>
<h1>Trust this server</h1>
<p>Browsers give a camera and a microphone to a page over HTTPS only. Install the certificate of this server's authority once; <a href="{url}">{url}</a> then opens without a warning.</p>
<p><a class="button" href="trust/weir-authority.crt">Download the certificate</a></p>
<p>Its SHA-256 fingerprint, which the phone shows in the details of the certificate, must be the one that the server printed when it started:</p>
<p><code>{fingerprint}</code></p>
<h2>iPhone, iPad</h2>
<ol>
<li>Open this page in Safari, download the certificate and allow it.</li>
<li>Settings, <b>Profile Downloaded</b>, Install.</li>
<li>Settings, General, About, <b>Certificate Trust Settings</b>: switch on “Weir on …”.</li>
</ol>
<h2>Android</h2>
<ol>
<li>Download the certificate.</li>
<li>Settings, search for <b>CA certificate</b> (Security, Encryption &amp; credentials, Install a certificate), Install anyway, and choose the file.</li>
<li>Use Chrome. Firefox needs in addition: Settings, About Firefox, tap the logo five times; back, Secret Settings, <b>Use third party CA certificates</b>.</li>
</ol>
<h2>Computers</h2>
<p>Chrome and Edge: Settings, Privacy and security, Security, Manage certificates, import it as trusted. Firefox: Settings, Privacy &amp; Security, View Certificates, Authorities, Import. Safari: open the file in Keychain Access and set it to Always Trust.</p>
<p>Whoever reads the state folder of this server could pretend to be any website to this device. Remove the certificate when you no longer need it.</p>
<hr>
<div lang="zh-CN">
<h1>信任此服务器</h1>
<p>浏览器只允许通过 HTTPS 打开的页面使用摄像头和麦克风。请安装一次此服务器的证书颁发机构证书，之后打开 <a href="{url}">{url}</a> 就不会再出现警告。</p>
<p><a class="button" href="trust/weir-authority.crt">下载证书</a></p>
<p>手机在证书详情中显示的 SHA-256 指纹必须与服务器启动时显示的一致：</p>
<p><code>{fingerprint}</code></p>
<h2>iPhone、iPad</h2>
<ol>
<li>用 Safari 打开此页面，下载证书并允许。</li>
<li>设置 → <b>已下载描述文件</b> → 安装。</li>
<li>设置 → 通用 → 关于本机 → <b>证书信任设置</b>：打开“Weir on …”。</li>
</ol>
<h2>Android</h2>
<ol>
<li>下载证书。</li>
<li>在设置中搜索 <b>CA 证书</b>（安全 → 加密与凭据 → 安装证书），仍然安装，然后选择该文件。</li>
<li>请使用 Chrome。Firefox 还需要：设置 → 关于 Firefox，连点徽标五次；返回 → Secret Settings → <b>Use third party CA certificates</b>。</li>
</ol>
<h2>电脑</h2>
<p>Chrome、Edge：设置 → 隐私和安全 → 安全 → 管理证书，导入为受信任的证书。Firefox：设置 → 隐私与安全 → 查看证书 → 证书颁发机构 → 导入。Safari：在“钥匙串访问”中打开该文件，设为“始终信任”。</p>
<p>能读取此服务器状态文件夹的人，可以对这台设备冒充任何网站。不再需要时请删除此证书。</p>
</div>
</main>
</html>
"#;
