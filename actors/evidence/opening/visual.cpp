// Headers are read by hand; poppler, leptonica and tesseract work in the child.
#include "actors/evidence/opening/visual.hpp"

#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/extractors/lines.hpp"
#include "protocol/base/text.hpp"

#include <leptonica/allheaders.h>
#include <poppler-document.h>
#include <poppler-image.h>
#include <poppler-page-renderer.h>
#include <poppler-page.h>
#include <tesseract/baseapi.h>
#include <tesseract/ocrclass.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>

extern "C" void omp_set_num_threads(int) __attribute__((weak)); // tesseract may bring OpenMP; its threads are not wanted

namespace fm::opening {
namespace {

std::uint32_t big32(std::string_view b, std::size_t at) {
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < 4; ++i)
    v = v << 8 | static_cast<unsigned char>(b[at + i]);
  return v;
}
std::uint32_t big16(std::string_view b, std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(b[at]) << 8 | static_cast<unsigned char>(b[at + 1])); }

// ---- the way back from the child ----

struct packer {
  std::string out;
  void number(std::uint64_t v) {
    for (int i = 0; i < 8; ++i)
      out += static_cast<char>(v >> (8 * i));
  }
  void text(std::string_view s) {
    number(s.size());
    out += s;
  }
};
struct unpacker {
  std::string_view in;
  bool ok = true;
  std::uint64_t number() {
    if (in.size() < 8) {
      ok = false;
      return 0;
    }
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < 8; ++i)
      v |= static_cast<std::uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
    in.remove_prefix(8);
    return v;
  }
  std::string text() {
    const auto n = number();
    if (n > in.size()) {
      ok = false;
      return {};
    }
    std::string s{in.substr(0, n)};
    in.remove_prefix(n);
    return s;
  }
};

std::string packed(const visual_reading& r) {
  packer p;
  p.text(r.format);
  p.text(r.title);
  for (std::uint64_t v : {std::uint64_t{r.width}, std::uint64_t{r.height}, std::uint64_t{r.pages}, std::uint64_t{r.pages_read}, std::uint64_t{r.recognised}, std::uint64_t{r.shortened}, std::uint64_t{r.lines.size()}})
    p.number(v);
  for (auto& l : r.lines) {
    p.text(l.text);
    p.number(l.page);
    for (auto v : {l.x, l.y, l.width, l.height})
      p.number(static_cast<std::uint64_t>(static_cast<std::int64_t>(v)));
    p.number(static_cast<std::uint64_t>(std::lround(std::clamp(l.confidence, 0.0, 1.0) * 1000)));
  }
  p.text(r.thumbnail_png);
  return std::move(p.out);
}

std::optional<visual_reading> unpacked(std::string_view bytes) {
  unpacker u{bytes};
  visual_reading r;
  r.format = u.text();
  r.title = u.text();
  r.width = static_cast<std::uint32_t>(u.number());
  r.height = static_cast<std::uint32_t>(u.number());
  r.pages = static_cast<std::uint32_t>(u.number());
  r.pages_read = static_cast<std::uint32_t>(u.number());
  r.recognised = u.number() != 0;
  r.shortened = u.number() != 0;
  const auto n = u.number();
  for (std::uint64_t i = 0; i < n && u.ok; ++i) {
    placed_text l;
    l.text = u.text();
    l.page = static_cast<std::uint32_t>(u.number());
    for (auto* v : {&l.x, &l.y, &l.width, &l.height})
      *v = static_cast<std::int32_t>(static_cast<std::int64_t>(u.number()));
    l.confidence = static_cast<double>(u.number()) / 1000;
    r.lines.push_back(std::move(l));
  }
  r.thumbnail_png = u.text();
  return u.ok ? std::optional{std::move(r)} : std::nullopt;
}

// ---- in the child ----

struct pix_closer {
  void operator()(Pix* p) const { pixDestroy(&p); }
};
using pix = std::unique_ptr<Pix, pix_closer>;

pix on_white(pix p) { // transparency would become black letters on black
  if (p && pixGetSpp(p.get()) == 4)
    p.reset(pixAlphaBlendUniform(p.get(), 0xFFFFFF00));
  return p;
}

std::string thumbnail_of(Pix* p, std::uint32_t side) {
  const auto longest = static_cast<float>(std::max(pixGetWidth(p), pixGetHeight(p)));
  const float factor = std::min(1.0F, static_cast<float>(side) / longest);
  pix deep{pixConvertTo8Or32(p, L_CLONE, 0)};
  if (!deep)
    return {};
  pix small{factor < 1 ? pixScaleAreaMap(deep.get(), factor, factor) : pixClone(deep.get())};
  if (small && factor < 0.02F) // a very long strip: the other side must stay at least one pixel
    small.reset(pixScaleToSize(deep.get(), static_cast<l_int32>(std::max(1.0F, static_cast<float>(pixGetWidth(p)) * factor)), static_cast<l_int32>(std::max(1.0F, static_cast<float>(pixGetHeight(p)) * factor))));
  if (!small)
    return {};
  l_uint8* data = nullptr;
  std::size_t size = 0;
  if (pixWriteMemPng(&data, &size, small.get(), 0) != 0 || data == nullptr)
    return {};
  std::string out{reinterpret_cast<const char*>(data), size};
  lept_free(data);
  return out;
}

struct word_bound {
  int words_max = 0;
  bool reached = false;
};
bool too_many_words(void* state, int words) {
  auto* b = static_cast<word_bound*>(state);
  b->reached = b->reached || words > b->words_max;
  return b->reached;
}

void recognise(Pix* original, const visual_limits& limits, std::uint32_t page, double to_page, visual_reading& out) {
  pix image{pixConvertTo8(original, 0)};
  if (!image)
    return;
  // Letters of screenshots are small; twice the size reads much better. Large photographs are made smaller.
  const auto pixels = static_cast<double>(pixGetWidth(image.get())) * pixGetHeight(image.get());
  const double budget = static_cast<double>(limits.recognised_pixels_max);
  double factor = pixels * 4 <= budget ? 2 : std::min(1.0, std::sqrt(budget / pixels));
  if (factor != 1)
    image.reset(pixScale(image.get(), static_cast<float>(factor), static_cast<float>(factor)));
  if (!image)
    return;
  // Light letters on dark: terminals and dashboards.
  l_float32 average = 0;
  if (pixGetAverageMasked(image.get(), nullptr, 0, 0, 4, L_MEAN_ABSVAL, &average) == 0 && average < 110)
    pixInvert(image.get(), image.get());
  tesseract::TessBaseAPI api;
  if (api.Init(nullptr, "eng", tesseract::OEM_LSTM_ONLY) != 0)
    return;
  api.SetVariable("debug_file", "/dev/null");
  api.SetPageSegMode(tesseract::PSM_AUTO);
  api.SetImage(image.get());
  api.SetSourceResolution(factor >= 2 ? 192 : 96);
  word_bound bound{static_cast<int>(limits.words_max), false};
  tesseract::ETEXT_DESC monitor;
  monitor.cancel = too_many_words;
  monitor.cancel_this = &bound;
  if (api.Recognize(&monitor) != 0 && !bound.reached)
    return;
  out.recognised = true;
  out.shortened = out.shortened || bound.reached;
  const std::unique_ptr<tesseract::ResultIterator> it{api.GetIterator()};
  if (!it)
    return;
  const double back = to_page / factor;
  do {
    const std::unique_ptr<char[]> text{it->GetUTF8Text(tesseract::RIL_TEXTLINE)};
    if (!text)
      continue;
    const auto clean = trimmed(text.get());
    int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
    if (clean.empty() || !it->BoundingBox(tesseract::RIL_TEXTLINE, &x1, &y1, &x2, &y2))
      continue;
    const double sure = it->Confidence(tesseract::RIL_TEXTLINE) / 100;
    if (sure < 0.25)
      continue; // edges and icons read as letters
    out.lines.push_back({to_valid_utf8(clean), page, static_cast<std::int32_t>(x1 * back), static_cast<std::int32_t>(y1 * back), static_cast<std::int32_t>((x2 - x1) * back), static_cast<std::int32_t>((y2 - y1) * back), sure});
  } while (it->Next(tesseract::RIL_TEXTLINE));
}

visual_reading read_image(std::string_view bytes, const image_size& size, const visual_limits& limits) {
  visual_reading r;
  r.format = size.format;
  const auto* data = reinterpret_cast<const l_uint8*>(bytes.data());
  pix image{size.format == "png" ? pixReadMemPng(data, bytes.size()) : pixReadMemJpeg(data, bytes.size(), 0, 1, nullptr, 0)};
  image = on_white(std::move(image));
  if (!image)
    throw std::runtime_error{"not decodable"};
  r.width = static_cast<std::uint32_t>(pixGetWidth(image.get()));
  r.height = static_cast<std::uint32_t>(pixGetHeight(image.get()));
  r.thumbnail_png = thumbnail_of(image.get(), limits.thumbnail_side);
  if (r.width >= 16 && r.height >= 16)
    recognise(image.get(), limits, 1, 1, r);
  return r;
}

std::string utf8_of(const poppler::ustring& u) {
  const auto bytes = u.to_utf8();
  return to_valid_utf8(std::string_view{bytes.data(), bytes.size()});
}

pix drawn(poppler::page& page, double pixels_max, double& dots_per_inch) {
  const auto box = page.page_rect();
  const double w = std::max(1.0, box.width()), h = std::max(1.0, box.height());
  dots_per_inch = std::min(dots_per_inch, 72 * std::sqrt(pixels_max / (w * h)));
  dots_per_inch = std::min(dots_per_inch, 72 * 12'000 / std::max(w, h));
  if (!(dots_per_inch > 0.05))
    return nullptr;
  poppler::page_renderer renderer;
  renderer.set_render_hint(poppler::page_renderer::text_antialiasing, true);
  renderer.set_render_hint(poppler::page_renderer::antialiasing, true);
  renderer.set_image_format(poppler::image::format_rgb24);
  const auto image = renderer.render_page(&page, dots_per_inch, dots_per_inch);
  if (!image.is_valid() || image.width() <= 0 || image.height() <= 0)
    return nullptr;
  pix out{pixCreate(image.width(), image.height(), 32)};
  if (!out)
    return nullptr;
  auto* to = pixGetData(out.get());
  const auto step = pixGetWpl(out.get());
  for (int y = 0; y < image.height(); ++y) {
    const auto* row = reinterpret_cast<const unsigned char*>(image.const_data()) + static_cast<std::ptrdiff_t>(y) * image.bytes_per_row();
    for (int x = 0; x < image.width(); ++x)
      composeRGBPixel(row[3 * x], row[3 * x + 1], row[3 * x + 2], to + static_cast<std::ptrdiff_t>(y) * step + x);
  }
  return out;
}

visual_reading read_pdf(std::string_view bytes, const visual_limits& limits) {
  visual_reading r;
  r.format = "pdf";
  const std::unique_ptr<poppler::document> doc{poppler::document::load_from_raw_data(bytes.data(), static_cast<int>(bytes.size()))};
  if (!doc || doc->is_locked())
    throw std::runtime_error{doc ? "locked" : "not a PDF"};
  const int pages = std::max(0, doc->pages());
  r.pages = static_cast<std::uint32_t>(pages);
  r.pages_read = static_cast<std::uint32_t>(std::min<std::size_t>(static_cast<std::size_t>(pages), limits.pages_max));
  r.shortened = r.pages_read < r.pages;
  r.title = cut_on_word(utf8_of(doc->get_title()), 200);
  std::size_t kept = 0, words = 0;
  for (std::uint32_t p = 0; p < r.pages_read; ++p) {
    const std::unique_ptr<poppler::page> page{doc->create_page(static_cast<int>(p))};
    if (!page)
      continue;
    if (p == 0) {
      const auto box = page->page_rect();
      r.width = static_cast<std::uint32_t>(std::clamp(box.width(), 0.0, 1e6));
      r.height = static_cast<std::uint32_t>(std::clamp(box.height(), 0.0, 1e6));
      double dpi = 40;
      if (auto image = drawn(*page, 400'000, dpi))
        r.thumbnail_png = thumbnail_of(image.get(), limits.thumbnail_side);
    }
    // Words of one line are put together again: what is near on one height.
    placed_text line;
    double bottom = 0, right = 0;
    const auto flush = [&] {
      if (!line.text.empty() && kept + line.text.size() <= limits.text_bytes_max) {
        kept += line.text.size();
        r.lines.push_back(std::move(line));
      } else if (!line.text.empty()) {
        r.shortened = true;
      }
      line = {};
    };
    for (auto& w : page->text_list()) {
      if (++words > limits.words_max * 8) {
        r.shortened = true;
        break;
      }
      const auto box = w.bbox();
      const auto text = utf8_of(w.text());
      const bool same = !line.text.empty() && std::abs(box.bottom() - bottom) < std::max(2.0, box.height() * 0.4) && box.left() - right < box.height() * 3 && box.left() >= right - box.height() * 0.6;
      if (!same)
        flush();
      const auto clamp = [](double v) { return static_cast<std::int32_t>(std::clamp(v, -1e6, 1e6)); };
      if (line.text.empty()) {
        line.page = p + 1;
        line.x = clamp(box.left());
        line.y = clamp(box.top());
      } else {
        line.text += ' ';
      }
      line.text += text;
      line.width = clamp(box.right()) - line.x;
      line.height = std::max(line.height, clamp(box.height()));
      bottom = box.bottom();
      right = box.right();
      if (line.text.size() > 4'000)
        flush();
    }
    flush();
    if (words > limits.words_max * 8)
      break;
  }
  // A scan: no text at all on the pages read.
  if (kept < 20)
    for (std::uint32_t p = 0; p < std::min<std::size_t>(r.pages_read, limits.pages_recognised_max); ++p) {
      const std::unique_ptr<poppler::page> page{doc->create_page(static_cast<int>(p))};
      double dpi = 200;
      if (auto image = page ? drawn(*page, static_cast<double>(limits.recognised_pixels_max), dpi) : nullptr)
        recognise(image.get(), limits, p + 1, 72 / dpi, r);
      r.shortened = r.shortened || (p + 1 == limits.pages_recognised_max && r.pages_read > p + 1);
    }
  return r;
}

} // namespace

std::optional<image_size> image_size_of(std::string_view b) noexcept {
  const auto magic = extractors::magic_of(b);
  if (magic == "png") {
    if (b.size() < 33 || b.substr(12, 4) != "IHDR")
      return std::nullopt;
    return image_size{"png", big32(b, 16), big32(b, 20), 0};
  }
  if (magic != "jpeg")
    return std::nullopt;
  image_size size{"jpeg", 0, 0, 0};
  for (std::size_t at = 2; at + 4 <= b.size();) {
    if (b[at] != '\xFF') {
      ++at;
      continue;
    }
    const auto marker = static_cast<unsigned char>(b[at + 1]);
    if (marker == 0xFF) {
      ++at;
      continue;
    }
    if (marker == 0 || marker == 1 || (marker >= 0xD0 && marker <= 0xD8)) {
      at += 2;
      continue;
    }
    if (marker == 0xD9)
      break;
    const auto length = big16(b, at + 2);
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame && at + 9 <= b.size()) {
      // A second frame header would be decoded with its own size: the larger one counts.
      size.height = std::max(size.height, big16(b, at + 5));
      size.width = std::max(size.width, big16(b, at + 7));
    }
    size.scans += marker == 0xDA ? 1 : 0;
    at += 2 + std::max<std::uint32_t>(length, 2);
  }
  return size.width == 0 || size.height == 0 ? std::nullopt : std::optional{size};
}

outcome<visual_reading> read_visual(std::string_view bytes, const visual_limits& limits) {
  constexpr std::size_t scans_max = 100; // each scan of a progressive JPEG costs a pass over all pixels
  const auto magic = extractors::magic_of(bytes);
  std::optional<image_size> size;
  if (magic == "png" || magic == "jpeg") {
    size = image_size_of(bytes);
    if (!size || size->width == 0 || size->height == 0)
      return make_failure(errc::invalid, "The image's header does not say its size.");
    if (size->width > limits.side_max || size->height > limits.side_max || static_cast<std::uint64_t>(size->width) * size->height > limits.pixels_max)
      return make_failure(errc::too_large, "The image has " + std::to_string(size->width) + " x " + std::to_string(size->height) + " pixels; at most " + std::to_string(limits.pixels_max / 1'000'000) + " million are decoded.");
    if (size->scans > scans_max)
      return make_failure(errc::too_large, "The JPEG has " + std::to_string(size->scans) + " scans.");
  } else if (magic != "pdf") {
    return make_failure(errc::unsupported_media_type, "Only PNG, JPEG and PDF are looked at.");
  }
  auto result = run_isolated(
    [&] {
      setMsgSeverity(L_SEVERITY_NONE);
      if (omp_set_num_threads != nullptr)
        omp_set_num_threads(1);
      return packed(size ? read_image(bytes, *size, limits) : read_pdf(bytes, limits));
    },
    limits.child);
  if (!result)
    return result.error();
  auto reading = unpacked(*result);
  if (!reading)
    return make_failure(errc::invalid, "The document could not be read.");
  return std::move(*reading);
}

// ---- what it says ----

namespace {
using namespace extractors;

constexpr std::array<std::string_view, 32> error_words{
  "error", "failed", "failure", "exception", "cannot", "could not", "unable to", "denied", "refused", "timed out", "timeout", "not found", "unreachable", "fatal", "crash", "panic",
  "invalid", "unavailable", "bad gateway", "internal server error", "not responding", "access violation", "out of memory", "oomkilled", "crashloopbackoff", "imagepullbackoff", "stack trace", "traceback", "unauthorized", "forbidden", "expired", "critical"};
constexpr std::array<std::string_view, 12> button_words{"ok", "cancel", "retry", "close", "abort", "ignore", "details", "dismiss", "try again", "report", "yes", "no"};
constexpr std::array<std::string_view, 26> dashboard_words{
  "grafana", "kibana", "datadog", "prometheus", "dashboard", "last 1 hour", "last 15 minutes", "last 6 hours", "last 24 hours", "p99", "p95", "latency", "throughput", "requests", "cpu", "memory", "req/s", "error rate", "qps", "rps", "heap", "connections",
  "saturation", "panel", "uptime", "disk"};

std::string place(const placed_text& l) {
  return "page " + std::to_string(l.page) + ", x " + std::to_string(l.x) + ", y " + std::to_string(l.y) + ", " + std::to_string(l.width) + " x " + std::to_string(l.height);
}

} // namespace

extraction explain_visual(std::string_view, const visual_reading& r) {
  extraction x;
  x.type = data_type::visual_evidence;
  x.format = r.format;
  std::size_t errors = 0, buttons = 0, dashboard = 0, numbers = 0;
  double sure = 0;
  for (auto& l : r.lines) {
    sure += l.confidence;
    const auto text = ascii_lower(l.text);
    bool bad = false;
    for (auto w : error_words)
      bad = bad || ifind_word(text, w) != std::string_view::npos;
    // 0x80070005, HTTP 502, ORA-01555, SQLSTATE
    bool code = text.find("0x8") != std::string::npos || text.find("ora-0") != std::string::npos || text.find("sqlstate") != std::string::npos;
    for (const std::string_view status : {"500", "502", "503", "504", "403", "404", "401", "429"})
      code = code || (ifind_word(text, status) != std::string_view::npos && (text.find("http") != std::string::npos || text.find("error") != std::string::npos || text.find("status") != std::string::npos || trimmed(text).size() < 40));
    for (auto w : button_words)
      buttons += trimmed(text) == w ? 1 : 0;
    for (auto w : dashboard_words)
      dashboard += ifind_word(text, w) != std::string_view::npos ? 1 : 0;
    numbers += std::any_of(text.begin(), text.end(), is_digit) ? 1 : 0;
    if (bad || code) {
      ++errors;
      finding f;
      f.kind = code && !bad ? "error_code" : "error_text";
      f.heavy = l.confidence > 0.6 ? weight::danger : weight::warning;
      f.title = cut_on_word(l.text, 240);
      f.where = place(l);
      f.quote = l.text.substr(0, utf8_floor(l.text, quote_bytes_max));
      f.score = 2 + l.confidence + (code ? 0.5 : 0);
      x.findings.push_back(std::move(f));
    }
    for (std::size_t at = 0; at < l.text.size() && x.moments.size() < moments_max; ++at)
      if (is_digit(l.text[at]) && (at == 0 || !is_word(l.text[at - 1])))
        if (const auto t = parse_time(std::string_view{l.text}.substr(at)); t && !t->day_only) {
          x.moments.push_back({t->at_ms, t->zone_known, false, cut_on_word(l.text, 160), {}});
          at += t->size;
        }
  }
  const bool dialog = errors > 0 && buttons > 0 && r.lines.size() < 40 && r.format != "pdf";
  const bool board = !dialog && dashboard >= 3 && numbers >= 3 && r.format != "pdf";
  const std::string what = dialog ? "an error dialog" : board ? "a dashboard" : errors > 0 ? "text with errors" : r.lines.empty() ? "no readable text" : "text";
  x.facts.emplace_back("looks_like", dialog ? "error_dialog" : board ? "dashboard" : r.lines.empty() ? "picture" : errors > 0 ? "error_text" : "text");
  x.facts.emplace_back("size", std::to_string(r.width) + " x " + std::to_string(r.height));
  if (r.format == "pdf")
    x.facts.emplace_back("pages", std::to_string(r.pages));
  x.facts.emplace_back("text_from", r.recognised ? "recognition" : "the file");
  x.summary = (r.format == "pdf" ? "A PDF of " + std::to_string(r.pages) + (r.pages == 1 ? " page" : " pages") : "An image (" + r.format + ", " + std::to_string(r.width) + " x " + std::to_string(r.height) + ")") + " with " + what + ". ";
  if (!r.title.empty())
    x.summary += "Title: " + r.title + ". ";
  std::stable_sort(x.findings.begin(), x.findings.end(), [](auto& a, auto& b) { return a.heavy != b.heavy ? a.heavy > b.heavy : a.score > b.score; });
  if (!x.findings.empty())
    x.summary += "It says: " + x.findings.front().title;
  else
    for (std::size_t i = 0; i < r.lines.size() && x.summary.size() < 360; ++i)
      x.summary += (i == 0 ? "" : " / ") + r.lines[i].text.substr(0, utf8_floor(r.lines[i].text, 160));
  for (auto& f : x.findings)
    if (x.insights.size() < 6)
      x.insights.push_back({f.title + " (" + f.where + ")", {}});
  x.insights.push_back({"It looks like " + what + ".", {}});
  x.insights.push_back({std::to_string(r.lines.size()) + " lines of text" + (r.recognised && !r.lines.empty() ? ", recognised with confidence " + short_number(sure / static_cast<double>(r.lines.size())) : "") + ".", {}});
  if (r.shortened) {
    x.shortened = r.pages_read < r.pages ? "only the first " + std::to_string(r.pages_read) + " of " + std::to_string(r.pages) + " pages are read" : "more text than is kept";
    x.insights.push_back({"Shortened: " + *x.shortened + ".", {}});
  }
  for (auto& l : r.lines)
    if (x.insights.size() < 3 && x.findings.empty())
      x.insights.push_back({cut_on_word(l.text, 200), {}});
  while (x.insights.size() < 3)
    x.insights.push_back({"Size " + std::to_string(r.width) + " x " + std::to_string(r.height) + ".", {}});
  std::uint32_t page = 0;
  for (auto& l : r.lines) {
    if (x.full.size() > full_bytes_max)
      break;
    if (l.page != page && r.format == "pdf")
      x.full += "Page " + std::to_string(l.page) + "\n";
    page = l.page;
    x.full += "[" + std::to_string(l.x) + "," + std::to_string(l.y) + " " + std::to_string(l.width) + "x" + std::to_string(l.height) + "] " + l.text + "\n";
  }
  x.confidence = r.lines.empty() ? 0.4 : r.recognised ? std::clamp(sure / static_cast<double>(r.lines.size()), 0.2, 0.95) : 0.95;
  finish(x);
  return x;
}

extraction extract_visual(std::string_view name, std::string_view bytes, const visual_limits& limits, std::string* thumbnail_png) {
  auto reading = read_visual(bytes, limits);
  if (!reading) {
    extraction x;
    x.type = data_type::visual_evidence;
    x.format = extractors::magic_of(bytes);
    x.refused = reading.error().detail;
    x.summary = "Kept for reference, not analysed: " + reading.error().detail;
    x.insights.push_back({reading.error().detail, {}});
    finish(x);
    return x;
  }
  if (thumbnail_png != nullptr)
    *thumbnail_png = reading->thumbnail_png;
  return explain_visual(name, *reading);
}

} // namespace fm::opening
