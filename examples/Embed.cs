// Pictures and sentences from a bundle with ONNX Runtime's C# API; docs/embed-native.md explains it.
//
// Packages: Microsoft.ML.OnnxRuntime, and System.Text.Json before .NET Core 3. C# 7.3 will do. For example:
//
//     var shoes = new Bundle("fashion-32");
//     byte[] grey = shoes.Picture(seed: 7, number: Array.IndexOf(shoes.Names("class", "classes"), "Sneaker"));
//     var emoji = new Bundle("emoji-64");
//     byte[] rgba = emoji.Picture(seed: 7, prompt: "red heart", style: 1);
//     var captions = new Bundle("captions");
//     string sentence = captions.Sentence(seed: 7, keywords: "dog, beach", temperature: 0.8f);

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

/// <summary>A bundle, after its hashes and its golden sample have been checked. Threads may share one.</summary>
public sealed class Bundle : IDisposable
{
    readonly InferenceSession session;
    readonly JsonElement sidecar;
    readonly PromptReader prompts;
    readonly KeywordReader keywords;
    readonly SentenceWriter writer;

    /// <param name="threads">Physical cores to spare; ONNX Runtime takes all of the machine otherwise.</param>
    public Bundle(string folder, int threads = 2)
    {
        sidecar = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "model.onnx.json"))).RootElement;
        byte[] model = Checked(folder, "model.onnx");
        using (var options = new SessionOptions { IntraOpNumThreads = threads })
            session = new InferenceSession(model, options);
        if (sidecar.GetProperty("task").GetString() != "image")
        {
            var json = JsonDocument.Parse(Checked(folder, "tokenizer.json")).RootElement;
            var vocabulary = json.GetProperty("model").GetProperty("vocab").EnumerateObject()
                .ToDictionary(word => word.Name, word => word.Value.GetInt64());
            if (sidecar.GetProperty("task").GetString() == "text-to-image")
                prompts = new PromptReader(vocabulary, Length("tokens"));
            else
            {
                var pattern = json.GetProperty("pre_tokenizer").GetProperty("pattern").GetProperty("Regex").GetString();
                keywords = new KeywordReader(vocabulary, pattern, Length("keywords"));
                writer = new SentenceWriter(vocabulary);
            }
        }
        CheckGoldenSample();
    }

    public void Dispose() => session.Dispose();

    /// <summary>The names of an input's numbers: of "class" its "classes", of "style" its "styles".</summary>
    public string[] Names(string input, string names) => sidecar.GetProperty("inputs").EnumerateArray()
        .Where(one => one.GetProperty("name").GetString() == input)
        .SelectMany(one => one.GetProperty(names).EnumerateArray()).Select(name => name.GetString()).ToArray();

    /// <summary>Bytes [H, W, C], rows from the top: grey, RGB, or RGBA with straight alpha.</summary>
    public byte[] Picture(uint seed = 0, string prompt = "", int number = 0, int style = 0, float truncation = 1)
    {
        var inputs = new Dictionary<string, Array>
        {
            ["seed"] = new[] { (long)seed }, ["class"] = new[] { (long)number }, ["style"] = new[] { (long)style },
            ["truncation"] = new[] { truncation },
        };
        if (prompts != null) (inputs["tokens"], inputs["mask"]) = prompts.Read(prompt);
        if (session.InputMetadata.ContainsKey("z")) inputs["z"] = Noise.Normals(seed, Length("z"));
        var image = (float[])Run(inputs)["image"];
        return Pixels.Straight(image, sidecar.GetProperty("output").GetProperty("channels").GetInt32());
    }

    public string Sentence(uint seed = 0, string keywords = "", float temperature = 1, int topK = 0, float topP = 1)
    {
        var (numbers, mask) = this.keywords.Read(keywords);
        return writer.Write((long[])Run(new Dictionary<string, Array>
        {
            ["keywords"] = numbers, ["mask"] = mask, ["seed"] = new[] { (long)seed },
            ["temperature"] = new[] { temperature }, ["top_k"] = new[] { (long)topK }, ["top_p"] = new[] { topP },
        })["tokens"]);
    }

    /// <summary>All outputs by name, for long[] or float[] of each of the graph's inputs, row after row.</summary>
    Dictionary<string, Array> Run(Dictionary<string, Array> inputs)
    {
        var given = new Dictionary<string, OrtValue>();
        try
        {
            foreach (var input in session.InputMetadata)
            {
                var values = inputs[input.Key];
                var sides = input.Value.Dimensions.Select(side => (long)side).ToArray();      // -1, or -1 and L
                sides[0] = values.Length / (sides.Length > 1 ? sides[1] : 1);
                given[input.Key] = values is long[] whole
                    ? OrtValue.CreateTensorValueFromMemory(whole, sides)
                    : OrtValue.CreateTensorValueFromMemory((float[])values, sides);
            }
            var names = session.OutputNames;
            using (var options = new RunOptions())
            using (var outputs = session.Run(options, given, names))
                return names.Zip(outputs, (name, output) => (name, output)).ToDictionary(one => one.name, one =>
                    one.output.GetTensorTypeAndShape().ElementDataType == TensorElementType.Int64
                        ? (Array)one.output.GetTensorDataAsSpan<long>().ToArray()
                        : one.output.GetTensorDataAsSpan<float>().ToArray());
        }
        finally
        {
            foreach (var value in given.Values) value.Dispose();
        }
    }

    /// <summary>Throws unless the model does here what it did where it was exported.</summary>
    void CheckGoldenSample()
    {
        var golden = sidecar.GetProperty("golden");
        var inputs = session.InputMetadata.ToDictionary(input => input.Key, input =>
        {
            var values = Flat(golden.GetProperty("inputs").GetProperty(input.Key));
            return input.Value.ElementDataType == TensorElementType.Int64
                ? (Array)values.Select(value => (long)value).ToArray() : values.Select(value => (float)value).ToArray();
        });
        var outputs = Run(inputs);
        bool sentences = writer != null;
        var found = (float[])outputs[sentences ? "log_probability" : "image"];
        var wanted = Flat(golden.GetProperty(sentences ? "log_probability" : "values"));
        if (!sentences) found = Flat(golden.GetProperty("indices")).Select(place => found[(int)place]).ToArray();
        double tolerance = golden.GetProperty("tolerance").GetDouble();
        bool same = found.Length == wanted.Length &&
            found.Zip(wanted, (one, value) => Math.Abs(one - value) <= tolerance).All(near => near);  // NaN is not
        if (sentences)
        {
            var tokens = ((long[])outputs["tokens"]).Select(token => (double)token);
            same &= tokens.SequenceEqual(Flat(golden.GetProperty("tokens")));
        }
        if (!same)
            throw new InvalidDataException("the golden sample differs: this runtime computes the bundle wrongly");
    }

    static double[] Flat(JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? value.EnumerateArray().SelectMany(Flat).ToArray() : new[] { value.GetDouble() };

    int Length(string input) => sidecar.GetProperty("inputs").EnumerateArray()
        .First(one => one.GetProperty("name").GetString() == input).GetProperty("shape")[1].GetInt32();

    /// <summary>The bytes of a file that has the hash in the sidecar: finds damage, not malice.</summary>
    byte[] Checked(string folder, string name)
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(folder, name)), hashed = bytes;
        if (name == "tokenizer.json")
            hashed = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes).Replace("\r\n", "\n"));
        using (var sha256 = SHA256.Create())
        {
            string hash = BitConverter.ToString(sha256.ComputeHash(hashed)).Replace("-", "").ToLowerInvariant();
            if (hash == sidecar.GetProperty("files").GetProperty(name).GetString()) return bytes;
        }
        throw new InvalidDataException(name + ": differs from its hash in model.onnx.json; copy the bundle again");
    }
}

public static class Pixels
{
    /// <summary>[C, H, W] in [−1, 1] as bytes [H, W, C], with straight alpha if C is 4: for files.</summary>
    public static byte[] Straight(float[] image, int channels) => Bytes(image, channels, true);

    /// <summary>The same with colour premultiplied by alpha, as the graph gives it.</summary>
    public static byte[] Premultiplied(float[] image, int channels) => Bytes(image, channels, false);

    static byte[] Bytes(float[] image, int channels, bool straight)
    {
        var bytes = new byte[image.Length];
        int places = image.Length / channels;
        for (int place = 0; place < places; place++)
        {
            float alpha = channels == 4 && straight ? Value(image[3 * places + place]) : 255;
            for (int c = 0; c < channels; c++)
            {
                float value = Value(image[c * places + place]);
                if (c < 3 && channels == 4 && straight) value = alpha < 0.5f ? 0 : Math.Min(value * 255 / alpha, 255);
                bytes[place * channels + c] = (byte)Math.Round(value);
            }
        }
        return bytes;
    }

    static float Value(float x) => Math.Max(0, Math.Min((x + 1) * 127.5f, 255));
}

public static class Noise
{
    /// <summary>Standard normals for `z`, by SplitMix64 and Box–Muller: not those that a graph draws.</summary>
    public static float[] Normals(ulong seed, int count)
    {
        double Uniform()                                                        // in (0, 1]
        {
            ulong x = seed += 0x9E3779B97F4A7C15;
            x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
            x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
            return (((x ^ (x >> 31)) >> 11) + 1) / 9007199254740992.0;
        }
        var z = new float[count];
        for (int i = 0; i < count; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(Uniform()));
            z[i] = (float)(radius * Math.Cos(2 * Math.PI * Uniform()));
        }
        return z;
    }
}

/// <summary>Prompts as the tokens and mask of a generator that draws from words.</summary>
public sealed class PromptReader
{
    readonly Dictionary<string, long> vocabulary;
    readonly int length;

    public PromptReader(Dictionary<string, long> vocabulary, int length)
    {
        this.vocabulary = vocabulary;
        this.length = length;
    }

    public (long[] tokens, long[] mask) Read(string prompt)
    {
        long[] tokens = new long[length], mask = new long[length];
        var words = Regex.Split(Plain(prompt), @"[\s$+<=>^`|~]+").Where(word => word != "").Take(length).ToArray();
        for (int i = 0; i < words.Length; i++)
        {
            tokens[i] = vocabulary.TryGetValue(words[i], out long number) ? number : 1;
            mask[i] = 1;
        }
        return (tokens, mask);
    }

    // NFD without combining marks, in lower case, and a space for punctuation. By category: Regex sees half a letter
    // where a char is half a surrogate pair.
    static string Plain(string prompt)
    {
        string letters = prompt.Normalize(NormalizationForm.FormD);
        var text = new StringBuilder();
        for (int i = 0; i < letters.Length; i += char.IsSurrogatePair(letters, i) ? 2 : 1)
        {
            var category = CharUnicodeInfo.GetUnicodeCategory(letters, i);
            if (category >= UnicodeCategory.NonSpacingMark && category <= UnicodeCategory.EnclosingMark) continue;
            bool stop = category >= UnicodeCategory.ConnectorPunctuation &&
                category <= UnicodeCategory.OtherPunctuation;
            string letter = letters.Substring(i, char.IsSurrogatePair(letters, i) ? 2 : 1);
            text.Append(stop ? " " : letter.ToLowerInvariant());
        }
        return text.ToString();
    }
}

/// <summary>Key words as the numbers and mask of a generator of sentences.</summary>
public sealed class KeywordReader
{
    readonly Dictionary<string, long> vocabulary;
    readonly Regex word;
    readonly int most;

    /// <param name="pattern">Of tokenizer.json, pre_tokenizer.pattern.Regex.</param>
    public KeywordReader(Dictionary<string, long> vocabulary, string pattern, int most)
    {
        this.vocabulary = vocabulary;
        this.most = most;
        word = new Regex(pattern);
    }

    public (long[] keywords, long[] mask) Read(string text)
    {
        long[] keywords = new long[most], mask = new long[most];
        // The one letter whose lower case is two; .NET leaves it as it is.
        string lower = text.Replace("\u0130", "i\u0307").ToLowerInvariant().Normalize(NormalizationForm.FormC);
        string shape = Regex.Replace(lower, @"[\uD800-\uDBFF][\uDC00-\uDFFF]", pair => Like(pair.Value));
        var words = word.Matches(shape).Cast<Match>().Where(found => Regex.IsMatch(found.Value, @"[\p{L}\p{N}]"))
            .Select(found => lower.Substring(found.Index, found.Length)).Distinct();
        int i = 0;
        foreach (var known in words.Where(vocabulary.ContainsKey).Take(most))
        {
            keywords[i] = vocabulary[known];
            mask[i++] = 1;
        }
        return (keywords, mask);
    }

    // Two characters for Regex, which would see a surrogate pair as two that are no letters.
    static string Like(string pair)
    {
        var category = CharUnicodeInfo.GetUnicodeCategory(pair, 0);
        if (category <= UnicodeCategory.OtherLetter) return "aa";
        if (category <= UnicodeCategory.EnclosingMark) return "\u0301\u0301";
        return category <= UnicodeCategory.OtherNumber ? "00" : "\u2026\u2026";
    }
}

/// <summary>Tokens as sentences.</summary>
public sealed class SentenceWriter
{
    readonly Dictionary<long, string> words;

    public SentenceWriter(Dictionary<string, long> vocabulary) =>
        words = vocabulary.ToDictionary(word => word.Value, word => word.Key);

    /// <summary>The sentence of a row of the output `tokens`.</summary>
    public string Write(IEnumerable<long> tokens)
    {
        var text = new StringBuilder();
        var open = new HashSet<string>();
        bool glued = true;
        foreach (var word in tokens.TakeWhile(token => token > 2).Select(token => words[token]))
        {
            bool quote = "\"'".Contains(word), closes = quote ? open.Remove(word) : ".,!?;:%)]}…’”".Contains(word);
            text.Append(glued || closes ? word : " " + word);
            if (quote && !closes) open.Add(word);
            glued = quote ? !closes : "([{$#‘“".Contains(word);
        }
        return text.ToString();
    }
}
