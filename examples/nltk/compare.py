"""The same sentences tagged by one process, by execnet, by multiprocessing and by Gristmill.

compare.py GRISTMILL TAGGER.json SENTENCES.txt [WORKERS]

Prints the seconds of each, by the clock and of all processors, from the start of its interpreter to its last tags,
and ends with 1 if one of them gives other tags than tagger.tag(sentence) does.
"""

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time


def by_one(model, sentences, workers):
    import tagging
    tagger = tagging.load(model)
    return [tagger.tag(sentence.split()) for sentence in sentences]


def remote(channel):
    """Runs in the other interpreter: the tagger is sent once, then sentences come."""
    import json
    from nltk.tag.perceptron import PerceptronTagger

    weights, tagdict, classes = json.loads(channel.receive())
    tagger = PerceptronTagger(load=False)
    tagger.model.weights, tagger.tagdict = weights, tagdict
    tagger.classes = tagger.model.classes = set(classes)
    for number, sentence in channel:
        channel.send((number, tagger.tag(sentence.split())))


def by_execnet(model, sentences, workers):
    import execnet
    with open(model, encoding="utf-8") as file:
        model = file.read()
    group = execnet.Group(["popen//python=" + sys.executable] * workers)
    channels = group.remote_exec(remote)
    channels.send_each(model)
    answers = channels.make_receive_queue()
    ahead = 100 * workers  # each has some in hand
    todo = enumerate(sentences)
    tagged = [None] * len(sentences)
    for at, (number, sentence) in zip(range(ahead), todo):
        channels[at % workers].send((number, sentence))
    for _ in sentences:
        channel, (number, result) = answers.get()
        tagged[number] = result
        more = next(todo, None)
        if more is not None:
            channel.send(more)
    for channel in channels:
        channel.close()
    group.terminate(timeout=5)
    return tagged


def start(model):
    global tagger
    import tagging
    tagger = tagging.load(model)


def work(sentence):
    return tagger.tag(sentence.split())


def by_pool(model, sentences, workers):
    import tagging  # once, before the processes fork
    with multiprocessing.Pool(workers, start, (model,)) as pool:
        tagged = list(pool.imap(work, sentences, chunksize=100))
        pool.close()
        pool.join()
    return tagged


def by_gristmill(model, sentences, workers):
    here = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(here, "tagging.py"), os.path.join(folder, "tagging.py"))
        os.symlink(os.path.abspath(model), os.path.join(folder, "tagger.json"))
        with open(os.path.join(folder, "sentences.txt"), "w", encoding="utf-8") as file:
            file.writelines(sentence + "\n" for sentence in sentences)
        words = ["run", "exec", "--python", "tagging.py:tag", "--ship", "tagger.json", "-o", "-", "-q",
                 "--threads", str(workers), "sentences.txt"]
        with subprocess.Popen([GRISTMILL, *words], cwd=folder, stdout=subprocess.PIPE) as job:
            tagged = [[tuple(pair) for pair in json.loads(line)["tagged"]] for line in job.stdout]
        if job.returncode:
            raise subprocess.CalledProcessError(job.returncode, words)
    return tagged


WAYS = {"one": by_one, "execnet": by_execnet, "Pool": by_pool, "gristmill": by_gristmill}


def run(name, model, path, workers):
    """Runs one way in an interpreter of its own: what it imports is part of what it costs."""
    words = [sys.executable, __file__, GRISTMILL, model, path, str(workers), name]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    clock, processors = time.perf_counter(), used.ru_utime + used.ru_stime
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, time.perf_counter() - clock, used.ru_utime + used.ru_stime - processors


def main(model, path, workers=2, way=None):
    with open(path, encoding="utf-8") as file:
        sentences = file.read().splitlines()
    if way:
        tagged = WAYS[way](model, sentences, int(workers))
        sys.stdout.writelines(json.dumps(one) + "\n" for one in tagged)
        return 0
    expected, differ = None, []
    for name in WAYS:
        tagged, clock, processors = run(name, model, path, workers)
        print("%-10s %7.2f s %7.2f s of processors  %6.0f sentences/s"
              % (name, clock, processors, len(sentences) / clock), flush=True)
        expected = expected or tagged
        if tagged != expected:
            differ.append(name)
    for name in differ:
        print("%s: its tags differ" % name)
    return 1 if differ or not sentences else 0


if __name__ == "__main__":
    GRISTMILL = os.path.abspath(sys.argv[1])
    sys.exit(main(*sys.argv[2:]))
