// A picture from a bundle with ONNX Runtime's C++ API: no Python, no JSON library. docs/embed-native.md explains it.
//
//     g++ -std=c++17 -O2 -I$ORT/include examples/embed.cpp -L$ORT/lib -lonnxruntime -Wl,-rpath,$ORT/lib -o embed
//     ./embed fashion-32 7 Sneaker shoe.pam              by class
//     ./embed emoji-64 7 "red heart" heart.pam 1         from words (ASCII), in style 1
//
// $ORT is an unpacked release of ONNX Runtime. PAM is pixels after some lines of text.
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using Inputs = std::map<std::string, std::vector<double>>;  // row after row; a double holds every seed
using Named = std::vector<std::pair<std::string, double>>;

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path.string() + ": cannot be read");
    return {std::istreambuf_iterator<char>(file), {}};
}

// What follows "key": a number, those of [[1], [2]] or of {"a": 1}, or the places in ["a"]. Enough for a bundle's JSON.
Named entries(const std::string& json, const std::string& key, size_t from = 0) {
    Named found;
    std::string name;
    int depth = 0;
    size_t at = std::min(json.find('"' + key + "\":", from), json.size()), length = 0;
    for (at += key.size() + 3; at < json.size() && (depth || found.empty()); ++at) {
        if (json[at] == '"') {
            for (length = 1; json.at(at + length) != '"';) length += json[at + length] == '\\' ? 2 : 1;
            name = json.substr(at + 1, length - 1);  // escapes stay as they are written
            at += length;
            if (json.at(at + 1) != ':') found.emplace_back(name, found.size());
        } else if (json[at] == '-' || (json[at] >= '0' && json[at] <= '9')) {
            found.emplace_back(name, std::stod(json.substr(at, 30), &length));  // a decimal point, in the C locale
            at += length - 1;
        } else
            depth += (json[at] == '[' || json[at] == '{') - (json[at] == ']' || json[at] == '}');
    }
    return found;
}

// A number of the command line, 0 ... highest.
double whole(const std::string& name, const std::string& text, double highest) {
    const bool digits = !text.empty() && text.size() <= 10 && text.find_first_not_of("0123456789") == std::string::npos;
    if (digits && std::stod(text) <= highest) return std::stod(text);
    std::ostringstream said;
    said.precision(10);
    said << name << ": '" << text << "' is not a whole number of 0 to " << highest;
    throw std::runtime_error(said.str());
}

// tokens and mask of a prompt in ASCII; docs/bundle.md says how all others are read.
void read_prompt(const std::string& prompt, const std::string& tokenizer, Inputs& inputs) {
    const auto words = entries(tokenizer, "vocab");
    const std::map<std::string, double> vocabulary(words.begin(), words.end());
    std::vector<double>&tokens = inputs["tokens"], &mask = inputs["mask"];
    std::string plain;
    for (const unsigned char letter : prompt) {
        if (letter > 127) throw std::runtime_error("this example reads ASCII alone");
        plain += std::isalnum(letter) ? static_cast<char>(std::tolower(letter)) : ' ';
    }
    std::istringstream text(plain);
    for (std::string word; text >> word;) tokens.push_back(vocabulary.count(word) ? vocabulary.at(word) : 1);
    tokens.resize(entries(tokenizer, "max_length").at(0).second);
    for (const double token : tokens) mask.push_back(token != 0);
}

// float32 [B, C, H, W] in [−1, 1], colour premultiplied by alpha. May be called from many threads at once.
std::vector<float> run(Ort::Session& session, const Inputs& inputs) {
    Ort::AllocatorWithDefaultOptions allocator;
    std::vector<Ort::Value> values;
    std::vector<const char*> names;
    const auto given = session.GetInputNames();
    for (size_t i = 0; i < given.size(); ++i) {
        const auto& rows = inputs.at(given[i]);
        const auto type = session.GetInputTypeInfo(i);
        const auto element = type.GetTensorTypeAndShapeInfo().GetElementType();
        auto sides = type.GetTensorTypeAndShapeInfo().GetShape();  // [-1] or [-1, L]
        sides[0] = rows.size() / (sides.size() > 1 ? sides[1] : 1);
        names.push_back(given[i].c_str());
        values.push_back(Ort::Value::CreateTensor(allocator, sides.data(), sides.size(), element));
        if (element == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64)
            std::copy(rows.begin(), rows.end(), values[i].GetTensorMutableData<int64_t>());
        else
            std::copy(rows.begin(), rows.end(), values[i].GetTensorMutableData<float>());
    }
    const char* image = "image";
    const auto found = session.Run(Ort::RunOptions{}, names.data(), values.data(), values.size(), &image, 1);
    const float* start = found[0].GetTensorData<float>();
    return {start, start + found[0].GetTensorTypeAndShapeInfo().GetElementCount()};
}

// Throws unless the model draws here what it drew where it was exported.
void check_golden_sample(Ort::Session& session, const std::string& sidecar) {
    const size_t golden = sidecar.find("\"golden\":");
    Inputs inputs;
    for (const auto& name : session.GetInputNames())
        for (const auto& entry : entries(sidecar, name, golden)) inputs[name].push_back(entry.second);
    const auto image = run(session, inputs);
    const auto places = entries(sidecar, "indices", golden), values = entries(sidecar, "values", golden);
    const double tolerance = entries(sidecar, "tolerance", golden).at(0).second;
    for (size_t i = 0; i < places.size(); ++i)
        if (!(std::abs(image.at(places[i].second) - values.at(i).second) <= tolerance))  // NaN fails too
            throw std::runtime_error("the golden sample differs: this runtime computes the bundle wrongly");
}

// [C, H, W] in [−1, 1] as bytes [H, W, C], and colour premultiplied by alpha as straight, which files have.
std::string pixels(const std::vector<float>& image, size_t channels) {
    std::string bytes;
    for (size_t place = 0, places = image.size() / channels; place < places; ++place) {
        float value[4];
        for (size_t c = 0; c < channels; ++c)
            value[c] = std::clamp((image[c * places + place] + 1) * 127.5f, 0.f, 255.f);
        for (size_t c = 0; c < 3 && channels == 4; ++c)
            value[c] = value[3] < 0.5f ? 0 : std::min(value[c] * 255 / value[3], 255.f);  // alpha 0: no colour is seen
        for (size_t c = 0; c < channels; ++c) bytes += static_cast<char>(std::lrint(value[c]));
    }
    return bytes;
}

int main(int count, char** given) try {
    if (count < 5) throw std::runtime_error("usage: embed BUNDLE SEED CLASS|PROMPT OUT.pam [STYLE]");
    const std::filesystem::path folder = given[1];
    const std::string model = read(folder / "model.onnx"), sidecar = read(folder / "model.onnx.json"), what = given[3];
    if (entries(sidecar, "task").at(0).first == "text")
        throw std::runtime_error(folder.string() + ": writes sentences, and this example draws; see Embed.cs");
    Ort::Env env(ORT_LOGGING_LEVEL_ERROR);
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(2);  // ONNX Runtime takes all cores of the machine otherwise
    Ort::Session session(env, model.data(), model.size(), options);  // one for the whole program
    check_golden_sample(session, sidecar);

    const auto one = [&](const char* key) { return entries(sidecar, key).at(0).second; };
    const auto classes = entries(sidecar, "classes"), styles = entries(sidecar, "styles");
    const auto found = std::find_if(classes.begin(), classes.end(), [&](auto& entry) { return entry.first == what; });
    Inputs inputs{{"seed", {whole("SEED", given[2], 4294967295)}}, {"truncation", {1}}};
    inputs["style"] = {count > 5 ? whole("STYLE", given[5], std::max<double>(styles.size(), 1) - 1) : 0};
    if (std::filesystem::exists(folder / "tokenizer.json")) read_prompt(what, read(folder / "tokenizer.json"), inputs);
    else if (!classes.empty())
        inputs["class"] = {found == classes.end() ? throw std::runtime_error("no class " + what) : found->second};
    const std::map<double, const char*> kinds{{1, "GRAYSCALE"}, {3, "RGB"}, {4, "RGB_ALPHA"}};
    std::ofstream file(given[4], std::ios::binary);
    file << "P7\nWIDTH " << one("width") << "\nHEIGHT " << one("height") << "\nDEPTH " << one("channels")
         << "\nMAXVAL 255\nTUPLTYPE " << kinds.at(one("channels")) << "\nENDHDR\n"
         << pixels(run(session, inputs), one("channels"));
    file.close();
    if (!file) throw std::runtime_error(std::string(given[4]) + ": cannot be written");
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
}
