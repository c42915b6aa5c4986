//! A film that FFmpeg encodes for a test, as access units in memory.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use media::access_unit::AccessUnit;
use media::first_iteration::first_iteration;
use media::source::{Input, probe};
use media::time::MediaTime;
use shared::api::Codec;

/// Frames per second of every film.
pub const RATE: u32 = 25;

/// What a film is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilmRecipe {
    pub codec: Codec,
    pub size: (u32, u32),
    /// In bits per second.
    pub bit_rate: u32,
    /// From one keyframe to the next, in frames. All keyframes are at multiples of it.
    pub gop: u32,
    pub seconds: u32,
    /// Between two other pictures, in H.264: pictures are in decode order then, with decode times.
    pub b_frames: u32,
}

/// The units of one track, in decode order. The first is a keyframe at time zero.
#[derive(Clone, Debug)]
pub struct Film {
    pub codec: Codec,
    /// `None` for sound.
    pub size: Option<(u32, u32)>,
    pub bit_rate: u32,
    pub units: Vec<AccessUnit>,
    /// Where the next iteration begins, in microseconds.
    pub length: i64,
}

impl Default for FilmRecipe {
    fn default() -> Self {
        Self {
            codec: Codec::H264,
            size: (320, 180),
            bit_rate: 500_000,
            gop: 2 * RATE,
            seconds: 10,
            b_frames: 0,
        }
    }
}

impl FilmRecipe {
    /// Encodes the test pattern with noise, which needs the whole bit rate.
    ///
    /// # Panics
    /// FFmpeg is not installed, or has not made what was asked.
    pub fn make(&self) -> Film {
        let Self {
            codec,
            size: (width, height),
            bit_rate,
            gop,
            seconds,
            b_frames,
        } = *self;
        // Without B-frames in Baseline, else in High.
        let preset = if b_frames == 0 {
            "ultrafast"
        } else {
            "superfast"
        };
        let h264 = format!(
            "libx264 -preset {preset} -bf {b_frames} -sc_threshold 0 -pix_fmt yuv420p -x264-params aud=1"
        );
        let (name, encoder) = match codec {
            Codec::H264 => ("film.h264", h264.as_str()),
            Codec::Vp8 => ("film.webm", "libvpx -deadline realtime -cpu-used 8"),
            Codec::Vp9 => (
                "film.webm",
                "libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -pix_fmt yuv420p",
            ),
            Codec::Av1 | Codec::Opus => panic!("{codec:?} is not made here"),
        };
        let file = encode(
            name,
            &format!(
                "-f lavfi -i testsrc2=size={width}x{height}:rate={RATE}:duration={seconds} -vf noise=alls=12:allf=t -c:v {encoder} -g {gop} \
                 -keyint_min {gop} -b:v {bit_rate} -minrate {bit_rate} -maxrate {bit_rate} -bufsize {}",
                bit_rate / 2
            ),
        );
        let film = Film {
            size: Some(self.size),
            bit_rate,
            ..match codec {
                Codec::H264 => read_h264(&file, seconds),
                _ => read(file, codec, seconds),
            }
        };
        assert_eq!(film.units.len() as u32, seconds * RATE);
        for (index, unit) in (0_u32..).zip(&film.units) {
            assert_eq!(unit.keyframe, index % gop == 0, "{self:?}: frame {index}");
        }
        film
    }
}

impl Film {
    /// A tone as Opus, in packets of 20 ms.
    ///
    /// # Panics
    /// FFmpeg is not installed.
    pub fn tone(seconds: u32) -> Self {
        let arguments = format!(
            "-f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds} -c:a libopus -b:a 64k"
        );
        Self {
            bit_rate: 64_000,
            ..read(encode("tone.ogg", &arguments), Codec::Opus, seconds)
        }
    }
}

impl Film {
    /// Pictures that become brighter, from black to white in 4 s, with two B-frames between others, in decode order. Their times are those of decoding, as
    /// OBS sends them, or with `shown` those at which they are shown.
    ///
    /// # Panics
    /// FFmpeg is not installed.
    pub fn brightening(shown: bool) -> Self {
        let size = (320, 180);
        let arguments = format!(
            "-f lavfi -i color=size=320x180:rate={RATE}:duration=4,geq=lum=16+2*N:cb=128:cr=128 -c:v libx264 -preset superfast -bf 2 -b_strategy 0 \
             -sc_threshold 0 -pix_fmt yuv420p -x264-params aud=1:b-pyramid=none -g {BRIGHTENING} -keyint_min {BRIGHTENING}"
        );
        let mut film = read_h264(&encode("brightening.h264", &arguments), 4);
        film.size = Some(size);
        film.bit_rate = 300_000;
        assert_eq!(film.units.len() as i64, BRIGHTENING);
        let frame = film.length / BRIGHTENING;
        for (index, unit) in (0..).zip(&mut film.units).filter(|_| shown) {
            // I P B B P B B: the third is shown second.
            let place = match (index, index % 3) {
                (0, _) => 0,
                (_, 1) => index + 2,
                _ => index - 1,
            };
            unit.time = MediaTime((place + 2) * frame);
        }
        film
    }
}

/// Pictures of a film that becomes brighter, which is one GOP.
const BRIGHTENING: i64 = 4 * RATE as i64;

/// A file of 12 s, video and a tone, that is passed through until a picture comes out of order after 8 s. `encoder`: its codec, as arguments of FFmpeg.
///
/// # Panics
/// FFmpeg is not installed.
pub fn reordered_in_the_middle(encoder: &str) -> PathBuf {
    let arguments = format!(
        "-f lavfi -i testsrc2=size=320x180:rate={RATE}:duration=12 -f lavfi -i sine=frequency=440:duration=12 -c:v {encoder} -g 50 -pix_fmt yuv420p \
         -c:a libopus -bsf:v setts=pts=if(eq(N\\,210)\\,PTS+120\\,PTS):dts=DTS"
    );
    encode("reordered.mkv", &arguments)
}

/// Ten seconds of a tone, without a picture.
pub fn sound() -> PathBuf {
    encode(
        "sound.ogg",
        "-f lavfi -i sine=frequency=440:duration=10 -c:a libopus",
    )
}

/// Ten seconds of the test pattern, without sound.
pub fn picture() -> PathBuf {
    encode(
        "picture.mkv",
        "-f lavfi -i testsrc2=size=320x180:rate=25:duration=10 -c:v libx264 -preset ultrafast -bf 0 -g 50 -pix_fmt yuv420p",
    )
}

/// The file that `ffmpeg ARGUMENTS NAME` writes; made once for each set of arguments.
///
/// # Panics
/// FFmpeg is not installed, or refuses.
pub fn encode(name: &str, arguments: &str) -> PathBuf {
    let folder = crate::process::scratch().join("films");
    fs::create_dir_all(&folder).expect("a folder for films");
    let mut hash = DefaultHasher::new();
    arguments.hash(&mut hash);
    let path = folder.join(format!("{:016x}-{name}", hash.finish()));
    if !path.exists() {
        let part = tempfile::tempdir_in(&folder).expect("a temporary folder");
        let file = part.path().join(name);
        let status = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-y"])
            .args(arguments.split_whitespace())
            .arg(&file)
            .status()
            .expect("ffmpeg is installed");
        assert!(status.success(), "ffmpeg {arguments}");
        fs::rename(&file, &path).expect("a film can be renamed");
    }
    path
}

/// An H.264 byte stream with an access unit delimiter before each picture (H.264 7.4.1.2.3). A file is passed through only when it has enough keyframes; a live
/// source may have as few as it likes.
fn read_h264(file: &Path, seconds: u32) -> Film {
    let stream = Bytes::from(fs::read(file).expect("the film is there"));
    let starts = stream.windows(DELIMITER.len());
    let starts = starts
        .enumerate()
        .filter(|(_, bytes)| *bytes == DELIMITER)
        .map(|(at, _)| at);
    let starts: Vec<_> = starts.chain([stream.len()]).collect();
    let frame = 1_000_000 / i64::from(RATE);
    let units = (0..).zip(starts.windows(2)).map(|(index, pair)| {
        // The delimiter has one byte more.
        let data = stream.slice(pair[0] + DELIMITER.len() + 1..pair[1]);
        let time = MediaTime(index * frame);
        AccessUnit {
            codec: Codec::H264,
            dts: time,
            time,
            // An IDR picture follows its parameter sets.
            keyframe: data
                .windows(4)
                .any(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1F == 7),
            data,
        }
    });
    Film {
        codec: Codec::H264,
        size: None,
        bit_rate: 0,
        units: units.collect(),
        length: i64::from(seconds) * 1_000_000,
    }
}

const DELIMITER: [u8; 5] = [0, 0, 0, 1, 9];

/// Reads one iteration of a file, on a clock that does not wait.
fn read(file: PathBuf, codec: Codec, seconds: u32) -> Film {
    let input = Input::File(file);
    let probe = probe(&input).expect("the film can be played");
    assert!(
        probe.passes_through(codec),
        "{codec:?} is to be passed through: {probe:?}"
    );
    let length = i64::from(seconds) * 1_000_000;
    Film {
        codec,
        size: None,
        bit_rate: 0,
        units: first_iteration(&input, &probe, codec, MediaTime(length)).expect("the film is read"),
        length,
    }
}
