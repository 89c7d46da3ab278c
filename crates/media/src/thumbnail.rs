//! Small pictures of images.

use std::io::{BufReader, Cursor};

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::error::{LimitError, LimitErrorKind};
use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageReader, ImageResult, Limits, Rgb, RgbImage,
};
use tokio::sync::Semaphore;

use crate::{MediaError, SpooledFile};

/// The MIME type of thumbnails.
pub const THUMBNAIL_TYPE: &str = "image/jpeg";

const SOURCES: [&str; 4] = ["image/gif", "image/jpeg", "image/png", "image/webp"];
/// The longer side, in pixels.
const SIDE: u32 = 320;
const QUALITY: u8 = 80;
const LONGEST_SIDE: u32 = 16_384;
/// What decoding may take. A camera's picture takes 36 MB; what takes more is made to hurt.
const DECODING_BYTES: u64 = 128 * 1024 * 1024;
/// One at a time in a process, so that memory is bounded however many files arrive.
static TURN: Semaphore = Semaphore::const_new(1);

impl SpooledFile {
    /// A small picture of an image; `None` for other files, and for images that cannot be read: they are files all
    /// the same.
    pub(crate) async fn thumbnail(&mut self, mime_type: &str) -> Result<Option<Bytes>, MediaError> {
        let essence = mime_type.split(';').next().unwrap_or_default().trim();
        if !SOURCES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(essence))
        {
            return Ok(None);
        }
        let file = self.blocking_handle().await?;
        let turn = TURN.acquire().await;
        // Who waits may give up; the turn ends with the work.
        let made = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            shrink(file)
        })
        .await;
        Ok(match made {
            Ok(Ok(picture)) => Some(picture),
            Ok(Err(error)) => {
                tracing::debug!(%error, "an image without a thumbnail: it cannot be read");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "an image without a thumbnail: decoding panicked");
                None
            }
        })
    }
}

fn shrink(file: std::fs::File) -> ImageResult<Bytes> {
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format()?;
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(DECODING_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    // Decoders hold to the limits in what they need besides the picture itself.
    if decoder.total_bytes() > DECODING_BYTES {
        let kind = LimitErrorKind::InsufficientMemory;
        return Err(ImageError::Limits(LimitError::from_kind(kind)));
    }
    // Cameras store pictures as the sensor saw them, and say how to turn them.
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    if picture.width().max(picture.height()) > SIDE {
        picture = picture.thumbnail(SIDE, SIDE);
    }
    picture.apply_orientation(orientation);
    let mut bytes = Cursor::new(Vec::new());
    on_white(&picture).write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    Ok(bytes.into_inner().into())
}

/// JPEG has no transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let picture = picture.to_rgba8();
    let mut flat = RgbImage::new(picture.width(), picture.height());
    for (from, to) in picture.pixels().zip(flat.pixels_mut()) {
        let [red, green, blue, alpha] = from.0;
        let mix = |colour: u8| {
            let (colour, alpha) = (u16::from(colour), u16::from(alpha));
            u8::try_from((colour * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        };
        *to = Rgb([mix(red), mix(green), mix(blue)]);
    }
    flat
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;
    use crate::spool::spooled;

    fn png(width: u32, height: u32, pixel: Rgba<u8>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = RgbaImage::from_pixel(width, height, pixel);
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    async fn thumbnail(bytes: &[u8], mime: &str) -> Option<RgbImage> {
        let made = spooled(bytes).await.thumbnail(mime).await.unwrap();
        made.map(|jpeg| image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg).unwrap())
            .map(|picture| picture.to_rgb8())
    }

    #[tokio::test]
    async fn a_picture_is_made_small_and_keeps_its_shape() {
        let picture = png(1000, 500, Rgba([200, 10, 10, 255]));
        let small = thumbnail(&picture, "image/png").await.unwrap();
        assert_eq!(small.dimensions(), (320, 160));
        assert!(small.get_pixel(100, 100).0[0] > 180);
        let tiny = thumbnail(&png(20, 10, Rgba([0; 4])), "image/png").await;
        let tiny = tiny.unwrap();
        assert_eq!(tiny.dimensions(), (20, 10));
        assert!(tiny.get_pixel(5, 5).0[0] > 240, "nothing is shown on white");
    }

    #[tokio::test]
    async fn what_is_no_picture_has_no_thumbnail() {
        assert_eq!(thumbnail(b"%PDF-1.7", "application/pdf").await, None);
        assert_eq!(thumbnail(b"no picture", "image/png").await, None);
        let broken = png(100, 100, Rgba([1; 4]));
        assert_eq!(thumbnail(&broken[..60], "image/png").await, None);
    }

    #[tokio::test]
    async fn a_picture_that_would_fill_the_memory_is_not_decoded() {
        let mut bomb = png(1, 1, Rgba([0; 4]));
        // Width and height of the header, and its checksum.
        bomb[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        let file = spooled(&bomb).await.blocking_handle().await.unwrap();
        let error = shrink(file).unwrap_err();
        assert!(matches!(error, ImageError::Limits(_)), "{error}");
        assert_eq!(thumbnail(&bomb, "image/png").await, None);
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
            })
        })
    }
}
