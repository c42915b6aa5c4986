//! Tone mapping: HDR video becomes SDR. It is done with lookup tables per channel and a matrix, which costs half as much
//! as FFmpeg's `zscale` and `tonemap` with floating-point frames, and needs no FFmpeg with zimg.

use super::color::HdrTransfer;

/// The luminance of a white sheet of paper in HDR video, in cd/m2 (ITU-R BT.2408). It is 1.0 in linear light.
const REFERENCE_WHITE: f64 = 203.0;
/// The luminance that becomes the brightest white of SDR, in cd/m2. Brighter light is clipped.
const PEAK: f64 = 1000.0;
/// Linear light up to here is kept; above, it is compressed.
const KNEE: f64 = 0.5;
/// Linear light needs 12 bits per channel: with fewer, dark areas show bands.
const PIXEL: &str = "gbrp12";
/// From the primaries of BT.2020 to those of BT.709, in linear light (ITU-R BT.2087).
const BT2020_TO_BT709: [[f64; 3]; 3] = [
    [1.660_491, -0.587_641, -0.072_850],
    [-0.124_550, 1.132_900, -0.008_349],
    [-0.018_151, -0.100_579, 1.118_730],
];

/// Filters from YUV or RGB with this transfer function to RGB for SDR displays, in FFmpeg's filtergraph syntax.
pub(super) fn filters(transfer: HdrTransfer, wide_gamut: bool) -> String {
    let linear = per_channel(&format!("st(0,{})*0+{}", light(transfer), compressed()));
    let gamut = if wide_gamut {
        let [r, g, b] = BT2020_TO_BT709;
        format!(
            "colorchannelmixer=rr={}:rg={}:rb={}:gr={}:gg={}:gb={}:br={}:bg={}:bb={},",
            r[0], r[1], r[2], g[0], g[1], g[2], b[0], b[1], b[2]
        )
    } else {
        String::new()
    };
    // The transfer function of displays: IEC 61966-2-1.
    let display = per_channel(
        "if(lt(clipval/maxval,0.0031308),12.92*clipval/maxval,1.055*pow(clipval/maxval,1/2.4)-0.055)",
    );
    format!("format={PIXEL},{linear},{gamut}{display}")
}

/// The linear light of the coded value `clipval`, relative to the reference white, as an expression of FFmpeg.
fn light(transfer: HdrTransfer) -> String {
    match transfer {
        // SMPTE ST 2084 5.2.
        HdrTransfer::Pq => format!(
            "{}*pow(max(pow(clipval/maxval,1/78.84375)-0.8359375,0)/(18.8515625-18.6875*pow(clipval/maxval,1/78.84375)),1/0.1593017578125)",
            10_000.0 / REFERENCE_WHITE
        ),
        // ITU-R BT.2100, with a system gamma of 1.2 for a display of 1,000 cd/m2.
        HdrTransfer::Hlg => format!(
            "{}*pow(if(lte(clipval/maxval,0.5),pow(clipval/maxval,2)/3,(exp((clipval/maxval-0.55991073)/0.17883277)+0.28466892)/12),1.2)",
            PEAK / REFERENCE_WHITE
        ),
    }
}

/// The Mobius curve: the light in register 0, compressed so that the peak becomes 1.0.
fn compressed() -> String {
    let peak = PEAK / REFERENCE_WHITE;
    let a = -KNEE * KNEE * (peak - 1.0) / (KNEE * KNEE - 2.0 * KNEE + peak);
    let b = (KNEE * KNEE - 2.0 * KNEE * peak + peak) / (peak - 1.0);
    let scale = (b * b + 2.0 * b * KNEE + KNEE * KNEE) / (b - a);
    format!("if(lte(ld(0),{KNEE}),ld(0),min({scale}*(ld(0)+{a})/(ld(0)+{b}),1))")
}

/// A lookup table from `expression`, which is relative to the largest value, for all three channels.
fn per_channel(expression: &str) -> String {
    let table = format!("maxval*({expression})");
    format!("lutrgb=r='{table}':g='{table}':b='{table}'")
}
